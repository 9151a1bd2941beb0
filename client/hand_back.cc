#include "client/hand_back.h"

#include <algorithm>
#include <string>

#include "absl/time/time.h"
#include "client/proto_time.h"
#include "client/security.h"
#include "client/stream_keeper.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpc/support/time.h"
#include "grpcpp/client_context.h"

namespace enveloperelay::client {
namespace {

constexpr absl::Duration kHandBackTimeout = absl::Seconds(3);
// The least that the contract has. A heartbeat says that no event is to come.
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(1);
// Likewise of a lease.
constexpr absl::Duration kLeaseMin = absl::Seconds(1);

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

// Opens a stream and ends it, so that the one before has nothing any more.
// Returns the id of the delivery that came on it; empty: none.
std::string TakeOver(v1::EnvelopeEventService::StubInterface& stub,
                     const v1::SubscribeRequest& request,
                     const std::string& token, gpr_timespec deadline) {
  grpc::ClientContext context;
  AddToken(token, context);
  context.set_deadline(deadline);
  const auto reader = stub.Subscribe(&context, request);
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

void ShortenLease(v1::EnvelopeEventService::StubInterface& stub,
                  const std::string& subscription,
                  const std::string& delivery_id, const std::string& token,
                  gpr_timespec deadline) {
  v1::AcknowledgeRequest request;
  request.set_subscription(subscription);
  v1::Settlement& settlement = *request.add_settlements();
  settlement.set_delivery_id(delivery_id);
  settlement.set_action(v1::ACK_ACTION_EXTEND);
  *settlement.mutable_delay() = ToProto(kLeaseMin);
  grpc::ClientContext context;
  AddToken(token, context);
  context.set_deadline(deadline);
  v1::AcknowledgeResponse response;
  static_cast<void>(stub.Acknowledge(&context, request, &response));
}

}  // namespace

void HandBack(v1::EnvelopeEventService::StubInterface& stub,
              const v1::SubscribeRequest& request, const std::string& token,
              absl::Duration timeout) {
  const gpr_timespec deadline = After(std::min(timeout, kHandBackTimeout));
  const std::string delivery_id =
      TakeOver(stub, TakeoverOf(request), token, deadline);
  if (delivery_id.empty()) return;
  // Released, it might be sent to the same stream again: the relay may not have
  // noticed yet that it is gone.
  ShortenLease(stub, request.subscription(), delivery_id, token, deadline);
}

}  // namespace enveloperelay::client
