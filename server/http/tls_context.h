#ifndef ENVELOPE_RELAY_SERVER_HTTP_TLS_CONTEXT_H_
#define ENVELOPE_RELAY_SERVER_HTTP_TLS_CONTEXT_H_

#include <openssl/ssl.h>
#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/watched_files.h"

namespace enveloperelay {

// Where what a server needs for TLS is, all of it as PEM.
struct TlsFiles {
  std::string certificate;  // the server's own, then those that lead to its CA
  std::string key;
  // CAs of which each client must show a certificate. Empty: none is asked for.
  std::string client_ca = {};
};

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
// The state of TLS on one connection.
using SslPtr = std::unique_ptr<SSL, SslFree>;

// How a server speaks TLS: 1.2 with forward secrecy, or 1.3; no compression, no
// renegotiation, no early data; HTTP/1.1 for clients that ask which protocol.
// Follows its files: connections that come after a change are served with what
// the files hold then. Thread-safe.
class TlsContext {
 public:
  // Reads the files now, and again when they have changed; what is broken or
  // does not belong together is then refused, and what was before stays.
  // Errors, saying which file is wrong: as of WatchedFiles::Watch,
  // kInvalidArgument.
  static absl::StatusOr<std::shared_ptr<TlsContext>> Watch(
      const TlsFiles& files, WatchedFiles& watched);

  // For a connection that begins now. Null: there is no memory.
  SslPtr NewConnection() const ABSL_LOCKS_EXCLUDED(mutex_);

  // End of the validity of the server's own certificate, as it is in force.
  absl::Time not_after() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  TlsContext() = default;
  void Set(std::shared_ptr<SSL_CTX> context) ABSL_LOCKS_EXCLUDED(mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<SSL_CTX> context_ ABSL_GUARDED_BY(mutex_);
};

// What OpenSSL says went wrong on this thread; clears it.
std::string TakeTlsError();

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_TLS_CONTEXT_H_
