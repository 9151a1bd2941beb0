#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_RAW_TLS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_RAW_TLS_H_

#include <openssl/ssl.h>
#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/raw_http.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {

// How a client speaks TLS.
struct RawTlsOptions {
  // CA of the server's certificate, as PEM.
  std::string ca;
  std::optional<TestIdentity> identity = {};
  // As OpenSSL has them (TLS1_2_VERSION); 0: any.
  int version_min = 0;
  int version_max = 0;
  // Of TLS 1.2, as OpenSSL has them; empty: its default.
  std::string ciphers = {};
  // As it goes over the wire: each name behind its length.
  std::string protocols = {};
};

// A client's end of a TLS connection to 127.0.0.1, for what a test says. Waits
// for RawConnection::kPatience at most. Not thread-safe.
class RawTlsConnection {
 public:
  // Connects and agrees on TLS.
  // Errors: kUnavailable (no connection), kFailedPrecondition (no agreement;
  // says why). In TLS 1.3 a server refuses a client's certificate only after
  // that.
  static absl::StatusOr<RawTlsConnection> Connect(uint16_t port,
                                                  const RawTlsOptions& options);

  ~RawTlsConnection();
  RawTlsConnection(RawTlsConnection&& other) noexcept;
  RawTlsConnection& operator=(RawTlsConnection&&) = delete;

  // Errors: kUnavailable.
  absl::Status Send(std::string_view bytes);
  // Says with a close_notify that nothing more will be sent.
  void FinishSending();
  // Ends the TCP connection without a word.
  void Break();

  // Returns the next response. Errors: kUnavailable (closed or broken before it
  // was complete), kInternal (it is no response).
  absl::StatusOr<RawResponse> Read();
  // Whether the server closes it, with close_notify, before it sends more.
  bool IsClosed();
  // The same, whatever way it ends.
  bool HasEnded();

  SSL* ssl() { return ssl_.get(); }
  std::string version() const { return SSL_get_version(ssl_.get()); }
  std::string cipher() const { return SSL_get_cipher_name(ssl_.get()); }
  // What the server has chosen; "" if nothing.
  std::string protocol() const;
  // The server's certificate, as PEM.
  std::string certificate() const;

 private:
  RawTlsConnection() = default;

  // Appends what comes next; what SSL_get_error() says of it.
  int Receive();

  int fd_ = -1;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
  std::string received_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_RAW_TLS_H_
