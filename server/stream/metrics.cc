#include "server/stream/metrics.h"

#include <string>
#include <string_view>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/check.h"

namespace enveloperelay {
namespace {

// Every end that a Subscribe call may have.
constexpr std::string_view kEnds[] = {
    kEndCaughtUp,         kEndDraining,
    kEndMaxAge,           kEndCancelled,
    "CURSOR_INVALID",     "CURSOR_EXPIRED",
    "CURSOR_AHEAD",       "FIELDS_CONFLICT",
    "FIELD_INVALID",      "CURSOR_UNKNOWN_LOG",
    "READER_STALLED",     "STREAM_LIMIT",
    "SERVER_UNAVAILABLE", "RECORD_CORRUPT",
    "INTERNAL",           "SUBSCRIPTION_NOT_FOUND",
    "WORKER_SUPERSEDED",  "CREDENTIALS_INVALID",
    "ACCESS_DENIED"};

}  // namespace

StreamMetrics::StreamMetrics(prometheus::Registry& registry)
    : streams_(prometheus::BuildGauge()
                   .Name("envelope_relay_streams")
                   .Help("Subscribe calls that are open.")
                   .Register(registry)
                   .Add({})),
      deliveries_(prometheus::BuildCounter()
                      .Name("envelope_relay_stream_deliveries_total")
                      .Help("Events handed to streams, each once a stream.")
                      .Register(registry)
                      .Add({})) {
  prometheus::Family<prometheus::Counter>& ends =
      prometheus::BuildCounter()
          .Name("envelope_relay_stream_ends_total")
          .Help("Subscribe calls that have ended, by reason.")
          .Register(registry);
  for (const std::string_view reason : kEnds) {
    ends_[reason] = &ends.Add({{"reason", std::string(reason)}});
  }
}

void StreamMetrics::CountEnd(std::string_view reason) {
  const auto found = ends_.find(reason);
  RELAY_CHECK(found != ends_.end());
  found->second->Increment();
}

}  // namespace enveloperelay
