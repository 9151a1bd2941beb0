#include "server/log/log_metrics.h"

#include <string>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/log/extent.h"
#include "server/log/layout.h"

namespace enveloperelay {
namespace {

prometheus::Gauge& AddGauge(prometheus::Registry& registry,
                            const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
      {});
}

prometheus::Counter& AddCounter(prometheus::Registry& registry,
                                const std::string& name,
                                const std::string& help) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({});
}

prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help,
    const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add({}, buckets);
}

}  // namespace

LogMetrics::LogMetrics(prometheus::Registry& registry)
    : latest_sequence(AddGauge(registry, "envelope_relay_log_latest_sequence",
                               "Sequence of the newest event.")),
      earliest_sequence(AddGauge(
          registry, "envelope_relay_log_earliest_sequence",
          "Sequence of the oldest retained event, or of the next one.")),
      stored_bytes(AddGauge(registry, "envelope_relay_log_stored_bytes",
                            "Bytes of the retained events, uncompressed.")),
      commit_duration_seconds(
          AddHistogram(registry, "envelope_relay_log_commit_duration_seconds",
                       "Time to write and sync one group.",
                       {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                        0.05, 0.1, 0.2, 0.5, 1, 2, 5})),
      commit_events(AddHistogram(
          registry, "envelope_relay_log_commit_events",
          "Events written by one commit.",
          {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096})),
      appended(AddCounter(registry, "envelope_relay_log_appended_total",
                          "Events stored.")),
      duplicates(AddCounter(registry, "envelope_relay_log_duplicates_total",
                            "Appends of an event that was stored already.")),
      state_writes(
          AddCounter(registry, "envelope_relay_log_state_writes_total",
                     "Writes of state stored: changes of subscriptions, of "
                     "their dead letters and of the quarantine.")),
      retention_errors(
          AddCounter(registry, "envelope_relay_log_retention_errors_total",
                     "Attempts of retention that could not read the log.")) {}

void LogMetrics::SetExtent(const Extent& extent) {
  const Position floor = extent.floor();
  const Position last = extent.last();
  latest_sequence.Set(static_cast<double>(last.sequence.value));
  earliest_sequence.Set(static_cast<double>(floor.sequence.Next().value));
  stored_bytes.Set(static_cast<double>(last.end_offset - floor.end_offset));
}

}  // namespace enveloperelay
