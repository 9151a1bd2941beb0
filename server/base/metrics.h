#ifndef ENVELOPE_RELAY_SERVER_BASE_METRICS_H_
#define ENVELOPE_RELAY_SERVER_BASE_METRICS_H_

#include <limits>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/registry.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Of a gauge whose value cannot be told.
inline constexpr double kUnknownValue =
    std::numeric_limits<double>::quiet_NaN();

// Metrics without labels that are counted as things happen. They live as long
// as `registry`.
prometheus::Gauge& AddGauge(prometheus::Registry& registry,
                            const std::string& name, const std::string& help);
prometheus::Counter& AddCounter(prometheus::Registry& registry,
                                const std::string& name,
                                const std::string& help);
prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help,
    const prometheus::Histogram::BucketBoundaries& buckets);

// Metrics that are looked up when they are asked for: for the Collect() of a
// prometheus::Collectable. First without values, then with one and no label.
prometheus::MetricFamily MakeFamily(std::string name, std::string help,
                                    prometheus::MetricType type);
prometheus::MetricFamily MakeGauge(std::string name, std::string help,
                                   double value);
prometheus::MetricFamily MakeCounter(std::string name, std::string help,
                                     double value);

// Adds a value to a family of gauges or counters. `label_value` is that of
// `label_name`.
void AddValue(std::string label_name, std::string label_value, double value,
              prometheus::MetricFamily& family);

// Seconds since the Unix epoch; 0: `time` is infinite.
double ToUnixSecondsOrZero(absl::Time time);

// Several sources of metrics as one. Thread-safe.
class MetricSources final : public prometheus::Collectable {
 public:
  // What `source` has is collected, too, from now on; it must outlive this, or
  // the last Collect().
  void Add(const prometheus::Collectable& source) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<prometheus::MetricFamily> Collect() const override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  std::vector<const prometheus::Collectable*> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_METRICS_H_
