#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_SUBSCRIPTION_FORMAT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_SUBSCRIPTION_FORMAT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"

namespace enveloperelay::client {

// What people read of subscriptions and dead letters. `colors`: with the escape
// sequences of a terminal.

// All of the table, its header included. `now` is what lag is measured to.
std::string SubscriptionTable(
    const std::vector<v1::Subscription>& subscriptions, absl::Time now,
    bool colors);

// One subscription on several lines, with its counters and workers.
std::string SubscriptionDetails(const v1::Subscription& subscription,
                                absl::Time now);

// Rows of a table of dead letters, each with its line end.
std::string DeadLetterHeader(bool colors);
std::string DeadLetterRow(const v1::DeadLetter& dead_letter);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_SUBSCRIPTION_FORMAT_H_
