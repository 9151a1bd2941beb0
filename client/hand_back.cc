#include "client/hand_back.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/proto_time.h"
#include "client/security.h"
#include "client/stream_keeper.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "grpc/support/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace enveloperelay::client {
namespace {

constexpr absl::Duration kHandBackTimeout = absl::Seconds(3);
// The least that the contract has. A heartbeat says that no event is to come.
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// Likewise of a lease.
constexpr absl::Duration kLeaseMin = absl::Seconds(1);
// Between two looks at whether the relay has noticed the end of the stream.
constexpr absl::Duration kNoticeInterval = absl::Milliseconds(20);

v1::SubscribeRequest TakeoverOf(const v1::SubscribeRequest& old) {
  v1::SubscribeRequest request;
  request.set_subscription(old.subscription());
  request.set_worker_id(old.worker_id());
  request.set_max_outstanding_events(1);
  request.set_max_batch_events(1);
  request.set_view(v1::EVENT_VIEW_BASIC);
  *request.mutable_heartbeat_interval() = ToProto(kHeartbeatInterval);
  return request;
}

// The last calls of a worker.
class LastCalls {
 public:
  LastCalls(const std::shared_ptr<grpc::Channel>& channel,
            const v1::SubscribeRequest& request, std::string token,
            gpr_timespec deadline)
      : events_(v1::EnvelopeEventService::NewStub(channel)),
        subscriptions_(v1::SubscriptionService::NewStub(channel)),
        request_(TakeoverOf(request)),
        token_(std::move(token)),
        deadline_(deadline) {}

  // Opens a stream and ends it, so that the one before has nothing any more.
  // Returns the id of the delivery that came on it; empty: none.
  std::string TakeOver() {
    grpc::ClientContext context;
    Prepare(context);
    const auto reader = events_->Subscribe(&context, request_);
    v1::SubscribeResponse response;
    bool read = reader->Read(&response);
    // An event is on its way, unless all are with other workers.
    if (read && response.events().empty() && response.backlog() > 0) {
      read = reader->Read(&response);
    }
    context.TryCancel();
    // Superseded or out of reach: then there is nothing more to be done.
    static_cast<void>(reader->Finish());
    if (!read || response.events().empty()) return {};
    return response.delivery().delivery_id();
  }

  // Whether the relay has noticed that the stream is gone. Nothing: it does
  // not say, or the deadline has passed.
  std::optional<bool> IsNoticed() {
    v1::GetSubscriptionRequest request;
    request.set_name(request_.subscription());
    grpc::ClientContext context;
    Prepare(context);
    v1::GetSubscriptionResponse response;
    if (!subscriptions_->GetSubscription(&context, request, &response).ok()) {
      return std::nullopt;
    }
    return std::ranges::none_of(
        response.subscription().workers(), [this](const v1::Worker& worker) {
          return worker.worker_id() == request_.worker_id();
        });
  }

  // Returns once it has, or at the deadline: then false.
  bool WaitUntilNoticed() {
    std::optional<bool> noticed = IsNoticed();
    while (noticed.has_value() && !*noticed) {
      // It tells nobody, so it is asked again.
      absl::SleepFor(kNoticeInterval);
      noticed = IsNoticed();
    }
    return noticed.has_value();
  }

  void Settle(const std::string& delivery_id, v1::AckAction action) {
    v1::AcknowledgeRequest request;
    request.set_subscription(request_.subscription());
    v1::Settlement& settlement = *request.add_settlements();
    settlement.set_delivery_id(delivery_id);
    settlement.set_action(action);
    if (action == v1::ACK_ACTION_EXTEND) {
      *settlement.mutable_delay() = ToProto(kLeaseMin);
    }
    grpc::ClientContext context;
    Prepare(context);
    v1::AcknowledgeResponse response;
    static_cast<void>(events_->Acknowledge(&context, request, &response));
  }

 private:
  void Prepare(grpc::ClientContext& context) const {
    AddToken(token_, context);
    context.set_deadline(deadline_);
  }

  const std::unique_ptr<v1::EnvelopeEventService::Stub> events_;
  const std::unique_ptr<v1::SubscriptionService::Stub> subscriptions_;
  const v1::SubscribeRequest request_;
  const std::string token_;
  const gpr_timespec deadline_;
};

}  // namespace

void HandBack(const std::shared_ptr<grpc::Channel>& channel,
              const v1::SubscribeRequest& request, const std::string& token,
              absl::Duration timeout) {
  LastCalls calls(channel, request, token,
                  After(std::min(timeout, kHandBackTimeout)));
  const std::string delivery_id = calls.TakeOver();
  if (delivery_id.empty()) return;
  // In case that nothing more gets through.
  calls.Settle(delivery_id, v1::ACK_ACTION_EXTEND);
  // Released too early, it would be sent to the same stream again.
  if (calls.WaitUntilNoticed()) {
    calls.Settle(delivery_id, v1::ACK_ACTION_RELEASE);
  }
}

}  // namespace enveloperelay::client
