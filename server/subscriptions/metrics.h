#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_METRICS_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_METRICS_H_

#include <vector>

#include "prometheus/metric_family.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {

// How each subscription stands, by name: envelope_relay_subscription_*. One
// that has not been read since the start is left out. Waits for no subscription
// and for no disk.
std::vector<prometheus::MetricFamily> CollectSubscriptions(
    const Subscriptions& subscriptions);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_METRICS_H_
