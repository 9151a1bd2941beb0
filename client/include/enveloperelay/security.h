#ifndef ENVELOPERELAY_SECURITY_H_
#define ENVELOPERELAY_SECURITY_H_

#include <optional>
#include <string>

namespace enveloperelay::client {

// TLS to the relay. Files are in PEM, and read anew for each connection, so
// that what takes their place is used without a restart.
struct TlsOptions {
  // Certificates of those who certify the relay. Empty: those that gRPC trusts
  // by default.
  std::string ca_file = {};
  // The certificate that this client shows, with those between it and its root,
  // and its key. Both, or none.
  std::string cert_file = {};
  std::string key_file = {};
};

// How to reach a relay that asks who calls.
struct SecurityOptions {
  // Unset: no TLS.
  std::optional<TlsOptions> tls = {};
  // File with a bearer token (see `envelopectl token create`). Read anew for
  // each call. Empty: none is shown.
  std::string token_file = {};
  // A token is sent without TLS to an address on loopback, such as
  // 127.0.0.1:9090, only, unless this says that it is safe: where a sidecar
  // does TLS, for one.
  bool token_in_clear = false;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPERELAY_SECURITY_H_
