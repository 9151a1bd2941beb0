#ifndef ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_
#define ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/log/extent.h"

namespace enveloperelay {

// What the embedded log says of itself: envelope_relay_log_*. Thread-safe.
struct LogMetrics {
  // The registry must outlive the metrics.
  explicit LogMetrics(prometheus::Registry& registry);

  // Brings the gauges up to date.
  void SetExtent(const Extent& extent);

  prometheus::Gauge& latest_sequence;
  prometheus::Gauge& earliest_sequence;
  prometheus::Gauge& stored_bytes;
  prometheus::Histogram& commit_duration_seconds;
  prometheus::Histogram& commit_events;
  prometheus::Counter& appended;
  prometheus::Counter& duplicates;
  prometheus::Counter& state_writes;
  prometheus::Counter& retention_errors;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_LOG_METRICS_H_
