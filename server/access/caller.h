#ifndef ENVELOPE_RELAY_SERVER_ACCESS_CALLER_H_
#define ENVELOPE_RELAY_SERVER_ACCESS_CALLER_H_

#include <string>
#include <string_view>
#include <vector>

namespace enveloperelay {

// Everybody, where the relay asks nobody who they are.
inline constexpr std::string_view kAnonymous = "anonymous";

// Who calls.
struct Caller {
  // "uri:spiffe://example.org/billing" or "dns:billing.internal" of a client
  // certificate, "token:billing" of a bearer token, or kAnonymous. The kind
  // stands in front so that nobody passes for another by the choice of a name.
  std::string principal;
  // SHA-256 of the token; empty if the caller showed none.
  std::string token_hash;
};

// What a caller shows of itself.
struct Presented {
  // Values of the metadata `authorization`.
  std::vector<std::string_view> authorization;
  // A client certificate that the TLS handshake has verified, and its subject
  // alternative names, in their order.
  bool certificate = false;
  std::vector<std::string_view> uris;
  std::vector<std::string_view> dns_names;
};

// The principal of a certificate: its first URI, else its first DNS name, in
// lower case, for these are compared so. Empty: it has neither, or that is
// none.
std::string PrincipalOf(const Presented& presented);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ACCESS_CALLER_H_
