#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MANAGEMENT_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MANAGEMENT_H_

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/log/event_log.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {

// What SubscriptionService and EnvelopeEventService.Acknowledge answer: checks
// each request, has it done, and calls `done` once, when that is durable, on
// any thread that must not be held up. Errors are rows of the contract.
// Thread-safe; blocks on the disk.
class Management {
 public:
  template <typename Response>
  using Done = Subscription::Done<Response>;

  // Both outlive it.
  Management(Subscriptions& subscriptions, const EventLog& log)
      : subscriptions_(subscriptions), log_(log) {}

  void Handle(const v1::CreateSubscriptionRequest& request,
              Done<v1::CreateSubscriptionResponse> done);
  void Handle(const v1::GetSubscriptionRequest& request,
              Done<v1::GetSubscriptionResponse> done);
  // Those whose names `shown` allows, as if there were no others.
  void Handle(const v1::ListSubscriptionsRequest& request,
              absl::FunctionRef<bool(const std::string& name)> shown,
              Done<v1::ListSubscriptionsResponse> done);
  void Handle(const v1::UpdateSubscriptionRequest& request,
              Done<v1::UpdateSubscriptionResponse> done);
  void Handle(const v1::DeleteSubscriptionRequest& request,
              Done<v1::DeleteSubscriptionResponse> done);
  void Handle(const v1::SeekSubscriptionRequest& request,
              Done<v1::SeekSubscriptionResponse> done);
  void Handle(const v1::ListDeadLettersRequest& request,
              Done<v1::ListDeadLettersResponse> done);
  void Handle(const v1::ReplayDeadLettersRequest& request,
              Done<v1::ReplayDeadLettersResponse> done);
  void Handle(const v1::DeleteDeadLettersRequest& request,
              Done<v1::DeleteDeadLettersResponse> done);
  void Handle(const v1::AcknowledgeRequest& request,
              Done<v1::AcknowledgeResponse> done);

 private:
  Subscriptions& subscriptions_;
  const EventLog& log_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MANAGEMENT_H_
