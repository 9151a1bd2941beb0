#include "server/base/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/test_ca.h"

namespace enveloperelay {
namespace {

// By the clock that OpenSSL makes certificates by: absl::Now() may be a little
// ahead of it.
absl::Time Now() { return absl::FromTimeT(std::time(nullptr)); }

TEST(CertificateTest, KnowsTheEndOfItsValidity) {
  const testing::TestCa ca;
  for (const absl::Duration valid_until :
       {absl::Hours(24), -absl::Hours(1), absl::Hours(24 * 365 * 40)}) {
    const absl::Time begin = Now();
    const std::string pem =
        ca.Issue({.valid_from = -absl::Hours(2), .valid_until = valid_until},
                 testing::TestCa::Use::kServer)
            .certificate;
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x509(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    ASSERT_NE(x509, nullptr);
    EXPECT_GE(NotAfter(*x509), begin + valid_until);
    EXPECT_LE(NotAfter(*x509), Now() + valid_until);
  }
}

}  // namespace
}  // namespace enveloperelay
