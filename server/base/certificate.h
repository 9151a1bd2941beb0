#ifndef ENVELOPE_RELAY_SERVER_BASE_CERTIFICATE_H_
#define ENVELOPE_RELAY_SERVER_BASE_CERTIFICATE_H_

#include <openssl/types.h>

#include "absl/time/time.h"

namespace enveloperelay {

// When the validity of `certificate` ends. absl::InfinitePast(): its field
// cannot be read, and nobody will take it for valid.
absl::Time NotAfter(const X509& certificate);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_CERTIFICATE_H_
