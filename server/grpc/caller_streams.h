#ifndef ENVELOPE_RELAY_SERVER_GRPC_CALLER_STREAMS_H_
#define ENVELOPE_RELAY_SERVER_GRPC_CALLER_STREAMS_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace enveloperelay {

// Counts the streams of each caller that the relay knows, also as a metric. Not
// thread-safe.
class CallerStreams {
 public:
  // Callers that have a label of their own in the metric; the rest shares
  // "other".
  static constexpr size_t kLabelsMax = 200;

  // `registry` outlives this.
  explicit CallerStreams(prometheus::Registry& registry);

  size_t Count(const std::string& principal) const;
  void Add(const std::string& principal);
  // After an Add.
  void Remove(const std::string& principal);

 private:
  struct Caller {
    size_t streams = 0;
    prometheus::Gauge* gauge = nullptr;  // null: that of the rest
  };

  prometheus::Family<prometheus::Gauge>& gauges_;
  prometheus::Gauge& others_;
  size_t labels_ = 0;
  absl::flat_hash_map<std::string, Caller> callers_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_CALLER_STREAMS_H_
