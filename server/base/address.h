#ifndef ENVELOPE_RELAY_SERVER_BASE_ADDRESS_H_
#define ENVELOPE_RELAY_SERVER_BASE_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace enveloperelay {

// Where a server listens.
struct Address {
  std::string ip;     // IPv4 or IPv6 literal, without brackets
  uint16_t port = 0;  // 0: any free port

  // "127.0.0.1:8080", "[::1]:8080".
  std::string ToString() const;
  bool IsLoopback() const;
};

// Reads "127.0.0.1:8080", "[::1]:8080" or "localhost:8080" (127.0.0.1).
// Errors: kInvalidArgument, saying what is allowed.
absl::StatusOr<Address> ParseAddress(std::string_view text);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_ADDRESS_H_
