#include "server/log/log_metrics.h"

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/metrics.h"
#include "server/log/event_log.h"
#include "server/log/extent.h"
#include "server/log/layout.h"
#include "server/log/retention.h"

namespace enveloperelay {
namespace {

// Of a commit, and of its sync.
const prometheus::Histogram::BucketBoundaries& WriteSeconds() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
      0.05,   0.1,    0.2,    0.5,   1,     2,     5};
  return buckets;
}

void SetLimits(const RetentionLimits& limits, prometheus::Registry& registry) {
  const bool by_age = limits.age < absl::InfiniteDuration();
  AddGauge(registry, "envelope_relay_log_retention_limit_seconds",
           "Events are removed at this age; 0: at none.")
      .Set(by_age ? absl::ToDoubleSeconds(limits.age) : 0);
  AddGauge(registry, "envelope_relay_log_retention_limit_bytes",
           "The oldest events are removed while all take more than this, "
           "uncompressed; 0: without limit.")
      .Set(static_cast<double>(limits.bytes));
}

}  // namespace

LogMetrics::LogMetrics(const RetentionLimits& limits,
                       prometheus::Registry& registry)
    : commit_duration_seconds(
          AddHistogram(registry, "envelope_relay_log_commit_duration_seconds",
                       "Time to write and sync one group.", WriteSeconds())),
      commit_events(AddHistogram(
          registry, "envelope_relay_log_commit_events",
          "Events written by one commit.",
          {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096})),
      fsync_duration_seconds(AddHistogram(
          registry, "envelope_relay_log_fsync_duration_seconds",
          "Time of one sync of the write-ahead log.", WriteSeconds())),
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
                     "Attempts of retention that could not read the log.")),
      retention_removed(AddCounter(registry,
                                   "envelope_relay_log_retention_removed_total",
                                   "Events that retention has removed.")),
      disk_bytes(AddGauge(registry, "envelope_relay_log_disk_bytes",
                          "What the data directory takes on the disk.")),
      free_bytes(AddGauge(registry, "envelope_relay_log_free_bytes",
                          "What is free on the file system of the data "
                          "directory, to a process that is not root.")),
      filesystem_bytes(
          AddGauge(registry, "envelope_relay_log_filesystem_bytes",
                   "Size of the file system of the data directory.")) {
  // The metrics are shown while the log is being opened.
  for (prometheus::Gauge* const gauge :
       {&disk_bytes, &free_bytes, &filesystem_bytes}) {
    gauge->Set(kUnknownValue);
  }
  SetLimits(limits, registry);
}

std::vector<prometheus::MetricFamily> CollectLogGauges(const Extent& extent,
                                                       size_t waiting_appends) {
  const Position floor = extent.floor();
  const Position last = extent.last();
  const double latest_seconds =
      last.sequence.value == 0
          ? 0
          : ToUnixSecondsOrZero(absl::FromUnixMicros(last.receive_time_micros));
  return {
      MakeGauge("envelope_relay_log_latest_sequence",
                "Sequence of the newest event.",
                static_cast<double>(last.sequence.value)),
      MakeGauge("envelope_relay_log_earliest_sequence",
                "Sequence of the oldest retained event, or of the next one.",
                static_cast<double>(floor.sequence.Next().value)),
      MakeGauge("envelope_relay_log_latest_event_timestamp_seconds",
                "Receive time of the newest event ever stored; 0: none was.",
                latest_seconds),
      MakeGauge("envelope_relay_log_earliest_event_timestamp_seconds",
                "Receive time of the oldest retained event; 0: none is.",
                ToUnixSecondsOrZero(extent.bounds().earliest_time)),
      MakeGauge("envelope_relay_log_stored_bytes",
                "Bytes of the retained events, uncompressed.",
                static_cast<double>(last.end_offset - floor.end_offset)),
      MakeGauge("envelope_relay_log_waiting_appends",
                "Appends that wait for their commit, or for it to be durable.",
                static_cast<double>(waiting_appends))};
}

}  // namespace enveloperelay
