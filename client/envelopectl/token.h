#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TOKEN_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TOKEN_H_

#include <string>

#include "absl/time/time.h"

namespace enveloperelay::client {

// A new token: 256 random bits as URL-safe text, behind a prefix by which
// scanners for secrets can find it.
std::string RandomToken();

// Its line in the relay's file of tokens, without its end.
std::string TokenLine(const std::string& name, const std::string& token,
                      absl::Time expires);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TOKEN_H_
