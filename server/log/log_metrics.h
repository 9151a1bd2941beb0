#ifndef ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_
#define ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_

#include <cstddef>
#include <vector>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/log/extent.h"
#include "server/log/retention.h"

namespace enveloperelay {

// What the embedded log says of itself as things happen: envelope_relay_log_*.
// Thread-safe.
struct LogMetrics {
  // The registry must outlive the metrics. `limits` are shown.
  LogMetrics(const RetentionLimits& limits, prometheus::Registry& registry);

  prometheus::Histogram& commit_duration_seconds;
  prometheus::Histogram& commit_events;
  prometheus::Histogram& fsync_duration_seconds;
  prometheus::Counter& appended;
  prometheus::Counter& duplicates;
  prometheus::Counter& state_writes;
  prometheus::Counter& retention_errors;
  prometheus::Counter& retention_removed;
  // kUnknownValue until they are set.
  prometheus::Gauge& disk_bytes;
  prometheus::Gauge& free_bytes;
  prometheus::Gauge& filesystem_bytes;
};

// The rest, as it is now: where the log reaches to, and what waits to get into
// it.
std::vector<prometheus::MetricFamily> CollectLogGauges(const Extent& extent,
                                                       size_t waiting_appends);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_
