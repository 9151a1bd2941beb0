#include "server/stream/metrics.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/base/check.h"
#include "server/base/metrics.h"
#include "server/log/sequence.h"
#include "server/stream/response.h"

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

// Of the delay of a delivery. A day and more: nobody was there to take it.
const prometheus::Histogram::BucketBoundaries& DelaySeconds() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,  0.5,   1,
      2,     5,     10,    30,   60,   300,  900, 3600, 21600, 86400};
  return buckets;
}

}  // namespace

StreamMetrics::StreamMetrics(Sequence log_end, prometheus::Registry& registry)
    : streams_(AddGauge(registry, "envelope_relay_streams",
                        "Subscribe calls that are open.")),
      deliveries_(AddCounter(registry, "envelope_relay_stream_deliveries_total",
                             "Events handed to streams, each counted every "
                             "time that it is handed to one.")),
      delivery_delay_(AddHistogram(
          registry, "envelope_relay_delivery_delay_seconds",
          "Time from the receipt of an event to its first delivery to any "
          "stream, of events stored since the start.",
          DelaySeconds())),
      first_deliveries_(log_end) {
  prometheus::Family<prometheus::Counter>& ends =
      prometheus::BuildCounter()
          .Name("envelope_relay_stream_ends_total")
          .Help("Subscribe calls that have ended, by reason.")
          .Register(registry);
  for (const std::string_view reason : kEnds) {
    ends_[reason] = &ends.Add({{"reason", std::string(reason)}});
  }
}

void StreamMetrics::CountDeliveries(std::span<const BatchEvent> events,
                                    absl::Time now) {
  if (events.empty()) return;
  deliveries_.Increment(static_cast<double>(events.size()));
  const int64_t now_micros = absl::ToUnixMicros(now);
  std::vector<double> counts;
  double sum = 0;
  first_deliveries_.Take(events, [&](const BatchEvent& event) {
    const prometheus::Histogram::BucketBoundaries& buckets = DelaySeconds();
    counts.resize(buckets.size() + 1);
    // Receive times are ahead of a clock that was put back.
    const double delay = 1e-6 * static_cast<double>(std::max<int64_t>(
                                    now_micros - event.receive_micros, 0));
    sum += delay;
    ++counts[std::ranges::lower_bound(buckets, delay) - buckets.begin()];
  });
  // The lock is taken once a batch.
  if (!counts.empty()) delivery_delay_.ObserveMultiple(counts, sum);
}

void StreamMetrics::CountEnd(std::string_view reason) {
  const auto found = ends_.find(reason);
  RELAY_CHECK(found != ends_.end());
  found->second->Increment();
}

}  // namespace enveloperelay
