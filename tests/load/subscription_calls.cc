#include "tests/load/subscription_calls.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

absl::Status Called(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("SubscriptionService: ", status.error_message()));
}

}  // namespace

SubscriptionCalls::SubscriptionCalls(const testing::RelayProcess& relay)
    : stub_(v1::SubscriptionService::NewStub(grpc::CreateChannel(
          relay.grpc_target(), grpc::InsecureChannelCredentials()))) {}

absl::Status SubscriptionCalls::Create(const std::string& name,
                                       v1::StartPosition start) {
  grpc::ClientContext context;
  v1::CreateSubscriptionRequest request;
  request.mutable_subscription()->set_name(name);
  request.mutable_subscription()->set_start(start);
  request.mutable_subscription()->set_order(v1::DELIVERY_ORDER_BY_ENVELOPE);
  v1::CreateSubscriptionResponse response;
  return Called(stub_->CreateSubscription(&context, request, &response));
}

absl::Status SubscriptionCalls::CheckSettled(const std::string& name) {
  grpc::ClientContext context;
  v1::GetSubscriptionRequest request;
  request.set_name(name);
  v1::GetSubscriptionResponse response;
  const absl::Status called =
      Called(stub_->GetSubscription(&context, request, &response));
  if (!called.ok()) return called;
  const v1::Subscription& now = response.subscription();
  if (now.backlog() == 0 && now.outstanding() == 0 && now.retrying() == 0 &&
      now.dead_letters() == 0 && now.lost_events() == 0) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("all is settled, and yet: ", now.ShortDebugString()));
}

absl::Status SubscriptionCalls::Delete(const std::string& name) {
  grpc::ClientContext context;
  v1::DeleteSubscriptionRequest request;
  request.set_name(name);
  v1::DeleteSubscriptionResponse response;
  return Called(stub_->DeleteSubscription(&context, request, &response));
}

}  // namespace enveloperelay::load
