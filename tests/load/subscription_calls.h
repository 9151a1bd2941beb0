#ifndef ENVELOPE_RELAY_TESTS_LOAD_SUBSCRIPTION_CALLS_H_
#define ENVELOPE_RELAY_TESTS_LOAD_SUBSCRIPTION_CALLS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {

// Manages the subscriptions of a running relay.
// Errors of all: kUnavailable (the call failed).
class SubscriptionCalls {
 public:
  explicit SubscriptionCalls(const testing::RelayProcess& relay);

  // A subscription to all events, in the order of their envelopes.
  absl::Status Create(const std::string& name, v1::StartPosition start);
  // Errors: kDataLoss (something of it is left to be delivered or settled, or
  // was put aside or lost).
  absl::Status CheckSettled(const std::string& name);
  absl::Status Delete(const std::string& name);

 private:
  const std::unique_ptr<v1::SubscriptionService::Stub> stub_;
};

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_SUBSCRIPTION_CALLS_H_
