#ifndef ENVELOPE_RELAY_SERVER_INGRESS_SERVER_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_SERVER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/http/options.h"
#include "server/http/server.h"
#include "server/ingress/admission.h"
#include "server/ingress/metrics.h"
#include "server/ingress/webhook_handler.h"
#include "server/log/event_log.h"
#include "server/quarantine/quarantine.h"

namespace enveloperelay {

// As many threads as there are processors, but four at most: more wait for the
// same disk.
int DefaultIngressThreads();

struct IngressOptions {
  // body_bytes_max is required.
  HttpOptions http;
  // Without keys, neither token nor signature is asked for.
  Admission::Options admission = {};
  // See Webhook.
  absl::Duration dedup_window = absl::Minutes(10);
  // Keeps what is no event; outlives the server. Null: nothing does.
  Quarantine* quarantine = nullptr;
};

// Takes Sign.Plus webhooks over HTTP and answers 200 once they are durable in
// the log. Start, Drain and the destructor are for one thread.
class IngressServer {
 public:
  // `log`, `clock` and `registry` must outlive the server; all metrics are in
  // the registry from now on.
  // Errors: as of HttpServer::Start.
  static absl::StatusOr<std::unique_ptr<IngressServer>> Start(
      IngressOptions options, EventLog& log, const Clock& clock,
      prometheus::Registry& registry);

  // Ends at once, but for writes that the log has yet to answer.
  ~IngressServer();
  IngressServer(const IngressServer&) = delete;
  IngressServer& operator=(const IngressServer&) = delete;

  uint16_t port() const { return http_->port(); }

  // Takes no more requests and answers those that were taken, until none is
  // left or `deadline` (of the clock) has come. Further ones on connections
  // that are still open get 503. True if none was left.
  bool Drain(absl::Time deadline);

 private:
  IngressServer(IngressOptions options, EventLog& log, const Clock& clock,
                prometheus::Registry& registry);

  const Clock& clock_;
  IngressMetrics metrics_;
  WebhookHandler handler_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_SERVER_H_
