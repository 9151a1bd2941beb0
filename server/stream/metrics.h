#ifndef ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_
#define ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_

#include <cstddef>
#include <map>
#include <string_view>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace enveloperelay {

// How a stream ended, where no error of the contract says it.
inline constexpr std::string_view kEndCaughtUp = "CAUGHT_UP";
inline constexpr std::string_view kEndDraining = "SERVER_DRAINING";
inline constexpr std::string_view kEndMaxAge = "MAX_AGE";
inline constexpr std::string_view kEndCancelled = "CANCELLED";

// Counts of the streams. Every label stands at 0 from the start. Thread-safe.
class StreamMetrics {
 public:
  // `registry` outlives this.
  explicit StreamMetrics(prometheus::Registry& registry);

  void AddStreams(int difference) { streams_.Increment(difference); }
  void CountDeliveries(size_t events) {
    if (events > 0) deliveries_.Increment(static_cast<double>(events));
  }
  // `reason` is one of the above or an ErrorInfo's reason.
  void CountEnd(std::string_view reason);

 private:
  prometheus::Gauge& streams_;
  prometheus::Counter& deliveries_;
  std::map<std::string_view, prometheus::Counter*> ends_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_
