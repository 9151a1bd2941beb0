#include "server/admin/server.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/client_metric.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/text_serializer.h"
#include "server/admin/process_metrics.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/options.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/http/server.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kMetrics =
    "text/plain; version=0.0.4; charset=utf-8";

bool IsPath(std::string_view path) {
  return path == "/livez" || path == "/readyz" || path == "/metrics" ||
         path == "/version";
}

}  // namespace

class AdminServer::Handler final : public HttpHandler,
                                   private prometheus::Collectable {
 public:
  Handler(AdminOptions options, const prometheus::Collectable& metrics)
      : options_(std::move(options)) {
    metrics_.Add(metrics);
    metrics_.Add(*this);
    metrics_.Add(process_);
  }

  std::optional<HttpResponse> Admit(const RequestHead& head,
                                    const HttpPeer& /*peer*/) override {
    if (!IsPath(head.path())) {
      return ProblemResponse(
          Reason::kNotFound,
          "there are /livez, /readyz, /metrics and /version");
    }
    if (head.method != "GET" && head.method != "HEAD") {
      HttpResponse response =
          ProblemResponse(Reason::kMethodNotAllowed, "only GET and HEAD");
      response.fields = "Allow: GET, HEAD\r\n";
      return response;
    }
    return std::nullopt;
  }

  Awaitable<HttpResponse> Respond(const RequestHead& head,
                                  const HttpPeer& /*peer*/,
                                  std::string_view /*body*/) override {
    if (head.path() == "/readyz") co_return Ready();
    if (head.path() == "/version") co_return Version();
    if (head.path() == "/metrics") {
      co_return HttpResponse{
          .content_type = kMetrics,
          .body = prometheus::TextSerializer().Serialize(metrics_.Collect())};
    }
    co_return HttpResponse{.content_type = kText, .body = "ok\n"};
  }

 private:
  HttpResponse Ready() const {
    const absl::Status status = options_.readiness();
    if (status.ok()) return {.content_type = kText, .body = "ready\n"};
    return {.status = 503,
            .content_type = kText,
            .body = std::string(status.message()) + "\n"};
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily build_info =
        MakeFamily("envelope_relay_build_info", "Version and commit; always 1.",
                   prometheus::MetricType::Gauge);
    prometheus::ClientMetric& build = build_info.metric.emplace_back();
    build.label = {{"version", options_.version}, {"commit", options_.commit}};
    build.gauge.value = 1;
    return {MakeGauge("envelope_relay_ready",
                      "1: /readyz answers 200; 0: it does not.",
                      options_.readiness().ok() ? 1 : 0),
            std::move(build_info)};
  }

  HttpResponse Version() const {
    const boost::json::object version = {{"version", options_.version},
                                         {"commit", options_.commit},
                                         {"build", options_.build}};
    return {.body = boost::json::serialize(version)};
  }

  const AdminOptions options_;
  const ProcessMetrics process_;
  MetricSources metrics_;
};

AdminServer::AdminServer(std::unique_ptr<Handler> handler)
    : handler_(std::move(handler)) {}
AdminServer::~AdminServer() = default;

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    AdminOptions options, const prometheus::Collectable& metrics,
    const Clock& clock) {
  const HttpOptions http_options = {.address = options.address,
                                    .connections_max = 128,
                                    .connections_per_address_max = 64,
                                    .tls = options.tls,
                                    .header_timeout = absl::Seconds(5),
                                    .idle_timeout = absl::Seconds(60)};
  std::unique_ptr<AdminServer> server(
      new AdminServer(std::make_unique<Handler>(std::move(options), metrics)));
  auto http = HttpServer::Start(http_options, *server->handler_, clock);
  if (!http.ok()) return http.status();
  server->http_ = *std::move(http);
  return server;
}

}  // namespace enveloperelay
