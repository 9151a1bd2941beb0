#ifndef ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_
#define ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_

#include <map>
#include <span>
#include <string_view>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/log/sequence.h"
#include "server/stream/first_deliveries.h"
#include "server/stream/response.h"

namespace enveloperelay {

// How a stream ended, where no error of the contract says it.
inline constexpr std::string_view kEndCaughtUp = "CAUGHT_UP";
inline constexpr std::string_view kEndDraining = "SERVER_DRAINING";
inline constexpr std::string_view kEndMaxAge = "MAX_AGE";
inline constexpr std::string_view kEndCancelled = "CANCELLED";

// Counts of the streams. Every label stands at 0 from the start. Thread-safe.
class StreamMetrics {
 public:
  // `registry` outlives this. The log ends at `log_end`: of what is up to there
  // it is not known whether it was delivered before.
  StreamMetrics(Sequence log_end, prometheus::Registry& registry);

  void AddStreams(int difference) { streams_.Increment(difference); }
  // A stream is handed `events`, in the order of the log, at `now`.
  void CountDeliveries(std::span<const BatchEvent> events, absl::Time now);
  // `reason` is one of the above or an ErrorInfo's reason.
  void CountEnd(std::string_view reason);

 private:
  prometheus::Gauge& streams_;
  prometheus::Counter& deliveries_;
  prometheus::Histogram& delivery_delay_;
  FirstDeliveries first_deliveries_;
  std::map<std::string_view, prometheus::Counter*> ends_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_METRICS_H_
