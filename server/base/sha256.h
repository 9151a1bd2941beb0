#ifndef ENVELOPE_RELAY_SERVER_BASE_SHA256_H_
#define ENVELOPE_RELAY_SERVER_BASE_SHA256_H_

#include <string>
#include <string_view>

namespace enveloperelay {

// The 32 bytes of the SHA-256 (FIPS 180-4) of `bytes`. Thread-safe.
std::string Sha256(std::string_view bytes);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_SHA256_H_
