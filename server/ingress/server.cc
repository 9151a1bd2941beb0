#include "server/ingress/server.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/http/options.h"
#include "server/http/server.h"
#include "server/ingress/admission.h"
#include "server/ingress/keys.h"
#include "server/log/event_log.h"

namespace enveloperelay {

int DefaultIngressThreads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1,
                    4);
}

namespace {

Admission::Options WithKeys(Admission::Options options,
                            prometheus::Registry& registry) {
  if (options.keys == nullptr) {
    options.keys = std::make_shared<IngressKeys>(registry);
  }
  return options;
}

}  // namespace

IngressServer::IngressServer(IngressOptions options, EventLog& log,
                             const Clock& clock, prometheus::Registry& registry)
    : clock_(clock),
      metrics_(registry),
      handler_({.admission = WithKeys(std::move(options.admission), registry),
                .dedup_window = options.dedup_window,
                .quarantine = options.quarantine},
               log, clock, metrics_) {}

absl::StatusOr<std::unique_ptr<IngressServer>> IngressServer::Start(
    IngressOptions options, EventLog& log, const Clock& clock,
    prometheus::Registry& registry) {
  const HttpOptions http_options = options.http;
  std::unique_ptr<IngressServer> server(
      new IngressServer(std::move(options), log, clock, registry));
  auto http = HttpServer::Start(http_options, server->handler_, clock);
  if (!http.ok()) return http.status();
  server->http_ = *std::move(http);
  return server;
}

IngressServer::~IngressServer() {
  if (http_ != nullptr) http_->Stop();
  handler_.WaitForLog();
}

bool IngressServer::Drain(absl::Time deadline) {
  return http_->Drain(deadline - clock_.Now());
}

}  // namespace enveloperelay
