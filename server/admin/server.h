#ifndef ENVELOPE_RELAY_SERVER_ADMIN_SERVER_H_
#define ENVELOPE_RELAY_SERVER_ADMIN_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "prometheus/collectable.h"
#include "server/base/address.h"
#include "server/base/clock.h"
#include "server/http/handler.h"
#include "server/http/server.h"
#include "server/http/tls_context.h"

namespace enveloperelay {

struct AdminOptions {
  Address address;
  // Null: plain HTTP.
  std::shared_ptr<TlsContext> tls = {};
  // Shown at /version.
  std::string version;
  std::string commit;
  std::string build;
  // Whether the relay takes webhooks and serves streams; the message of another
  // status says why not. Called on the server's thread; must not block.
  std::function<absl::Status()> readiness;
};

// Answers GET and HEAD of /livez, /readyz, /metrics and /version, for probes
// and scrapers. Besides the metrics that it is given it shows whether the relay
// is ready, its version, and what the process takes. Takes no bodies and at
// most 128 connections, 64 from one address, within the time limits of
// HttpOptions. Start and the destructor are for one thread.
class AdminServer {
 public:
  // `metrics`, whose Collect() must not block, and `clock` must outlive the
  // server.
  // Errors: as of HttpServer::Start.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      AdminOptions options, const prometheus::Collectable& metrics,
      const Clock& clock);

  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  uint16_t port() const { return http_->port(); }

 private:
  class Handler;
  explicit AdminServer(std::unique_ptr<Handler> handler);

  std::unique_ptr<Handler> handler_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ADMIN_SERVER_H_
