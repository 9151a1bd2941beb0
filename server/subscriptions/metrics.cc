#include "server/subscriptions/metrics.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "server/base/metrics.h"
#include "server/log/event_log.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {
namespace {

double OldestSeconds(absl::Time time) {
  // It cannot be told from "all are settled" otherwise.
  if (time == absl::InfinitePast()) {
    return kUnknownValue;
  }
  return ToUnixSecondsOrZero(time);
}

}  // namespace

std::vector<prometheus::MetricFamily> CollectSubscriptions(
    const Subscriptions& subscriptions) {
  constexpr auto kGauge = prometheus::MetricType::Gauge;
  std::vector<prometheus::MetricFamily> families = {
      MakeFamily("envelope_relay_subscription_backlog_events",
                 "Events in the log after all that is settled, before "
                 "filtering.",
                 kGauge),
      MakeFamily("envelope_relay_subscription_outstanding_events",
                 "Events that are delivered and not settled.", kGauge),
      MakeFamily("envelope_relay_subscription_retrying_events",
                 "Events that wait to be delivered again.", kGauge),
      MakeFamily("envelope_relay_subscription_dead_letters",
                 "Dead letters that are kept.", kGauge),
      MakeFamily("envelope_relay_subscription_oldest_unsettled_timestamp_"
                 "seconds",
                 "Receive time of the oldest event that is not settled, dead "
                 "letters that were put back left out; 0: all are.",
                 kGauge),
      MakeFamily("envelope_relay_subscription_lost_events_total",
                 "Events that retention has removed before they were settled, "
                 "since the subscription was created.",
                 prometheus::MetricType::Counter)};
  const auto list =
      subscriptions.List("", SIZE_MAX, [](const std::string&) { return true; });
  for (prometheus::MetricFamily& family : families) {
    family.metric.reserve(list.size());
  }
  const LogBounds bounds = subscriptions.log_bounds();
  for (const auto& [name, subscription] : list) {
    const std::optional<SubscriptionCounters> counters =
        subscription->Counters(bounds);
    if (!counters.has_value()) continue;
    // In the order of the families.
    const double values[] = {static_cast<double>(counters->backlog),
                             static_cast<double>(counters->outstanding),
                             static_cast<double>(counters->retrying),
                             static_cast<double>(counters->dead_letters),
                             OldestSeconds(counters->oldest_in_log_time),
                             static_cast<double>(counters->lost_events)};
    for (size_t i = 0; i < families.size(); ++i) {
      AddValue("subscription", name, values[i], families[i]);
    }
  }
  return families;
}

}  // namespace enveloperelay
