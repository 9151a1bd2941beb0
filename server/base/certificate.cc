#include "server/base/certificate.h"

#include <openssl/asn1.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include <ctime>

#include "absl/time/time.h"

namespace enveloperelay {

absl::Time NotAfter(const X509& certificate) {
  std::tm utc = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &utc) != 1) {
    return absl::InfinitePast();
  }
  return absl::FromTM(utc, absl::UTCTimeZone());
}

}  // namespace enveloperelay
