// Who may do what.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_call.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kOps[] = "ert_ops_ops_ops_ops_ops_ops_ops_ops";
constexpr char kStranger[] = "ert_stranger_stranger_stranger_stran";

class GrpcPolicyTest : public AccessRelayTest {
 protected:
  static std::string Ops() { return Allow("'token:ops'", "'*'", "'*'"); }
  // Billing may work on its subscriptions, audit may read, ops may do all.
  static std::string Rules() {
    return Allow("'token:billing'", "'consume', 'ListSubscriptions'",
                 "'billing', 'billing-*'") +
           Allow("'token:audit'", "'read'") + Ops();
  }
  void StartWithPolicy(const std::string& policy = Rules()) {
    WriteTokens(TokenLine("billing", kBilling) + TokenLine("audit", kAudit) +
                TokenLine("ops", kOps) + TokenLine("stranger", kStranger));
    WritePolicy(policy);
    ASSERT_NO_FATAL_FAILURE(StartRelay());
  }
  grpc::Status SubscribeAs(const std::string& token,
                           const v1::SubscribeRequest& request) const {
    EventStream stream(channel_, request, token);
    if (stream.Next().has_value()) return grpc::Status::OK;
    return stream.Finish();
  }
  grpc::Status AcknowledgeAs(const std::string& token,
                             const std::string& subscription) const {
    grpc::ClientContext context;
    SetDeadline(context);
    context.AddMetadata("authorization", "Bearer " + token);
    v1::AcknowledgeRequest request;
    request.set_subscription(subscription);
    request.add_settlements()->set_delivery_id("none");
    request.mutable_settlements(0)->set_action(v1::ACK_ACTION_DONE);
    v1::AcknowledgeResponse response;
    return stub_->Acknowledge(&context, request, &response);
  }
  std::vector<std::string> ListAs(const std::string& token,
                                  int page_size = 0) const {
    std::vector<std::string> names;
    v1::ListSubscriptionsRequest request;
    request.set_page_size(page_size);
    do {
      v1::ListSubscriptionsResponse response;
      ExpectOk(
          Call(token, &Subscriptions::ListSubscriptions, request, response));
      for (const v1::Subscription& subscription : response.subscriptions()) {
        names.push_back(subscription.name());
      }
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return names;
  }
};

TEST_F(GrpcPolicyTest, EachMayDoWhatARuleAllowsAndNothingElse) {
  StartWithPolicy();
  ExpectOk(Create(kOps, "billing"));
  ExpectOk(Create(kOps, "shipping"));

  ExpectOk(SubscribeAs(kBilling, Of("billing")));
  ExpectOk(AcknowledgeAs(kBilling, "billing"));
  ExpectDenied(SubscribeAs(kBilling, Of("shipping")));
  ExpectDenied(AcknowledgeAs(kBilling, "shipping"));
  ExpectDenied(SubscribeAs(kBilling, {}));
  ExpectDenied(GetLogWith(kBilling));
  ExpectDenied(Create(kBilling, "billing-eu"));

  ExpectOk(SubscribeAs(kAudit, {}));
  ExpectOk(GetLogWith(kAudit));
  ExpectDenied(SubscribeAs(kAudit, Of("billing")));
  ExpectDenied(SubscribeAs(kStranger, {}));
  ExpectDenied(GetLogWith(kStranger));
}

TEST_F(GrpcPolicyTest, ADenialDoesNotTellWhatThereIs) {
  StartWithPolicy();
  ExpectOk(Create(kOps, "shipping"));
  const grpc::Status there = SubscribeAs(kBilling, Of("shipping"));
  const grpc::Status not_there = SubscribeAs(kBilling, Of("shippinG"));
  ExpectDenied(there);
  ExpectDenied(not_there);
  const auto denied = [this](auto method, auto request, auto response) {
    for (const char* name : {"shipping", "nothing"}) {
      if constexpr (requires { request.set_subscription(name); }) {
        request.set_subscription(name);
      } else {
        request.set_name(name);
      }
      ExpectDenied(Call(kStranger, method, request, response));
    }
  };
  using Stub = Subscriptions;
  denied(&Stub::GetSubscription, v1::GetSubscriptionRequest(),
         v1::GetSubscriptionResponse());
  denied(&Stub::DeleteSubscription, v1::DeleteSubscriptionRequest(),
         v1::DeleteSubscriptionResponse());
  denied(&Stub::SeekSubscription, v1::SeekSubscriptionRequest(),
         v1::SeekSubscriptionResponse());
  denied(&Stub::ListDeadLetters, v1::ListDeadLettersRequest(),
         v1::ListDeadLettersResponse());
  denied(&Stub::ReplayDeadLetters, v1::ReplayDeadLettersRequest(),
         v1::ReplayDeadLettersResponse());
  denied(&Stub::DeleteDeadLetters, v1::DeleteDeadLettersRequest(),
         v1::DeleteDeadLettersResponse());
  ExpectDenied(Create(kStranger, "shipping"));
  ExpectDenied(Create(kStranger, "nothing"));
  // Who may use the method is told.
  ExpectError(SubscribeAs(kBilling, Of("billing-none")),
              grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(GrpcPolicyTest, AnUpdateThatMayCreateNeedsBothRights) {
  StartWithPolicy(
      Allow("'token:billing'", "'UpdateSubscription'", "'billing'") + Ops());
  ExpectOk(Create(kOps, "billing"));
  v1::UpdateSubscriptionRequest request;
  request.mutable_subscription()->set_name("billing");
  request.mutable_subscription()->set_paused(true);
  v1::UpdateSubscriptionResponse response;
  ExpectOk(
      Call(kBilling, &Subscriptions::UpdateSubscription, request, response));
  request.set_allow_missing(true);
  ExpectDenied(
      Call(kBilling, &Subscriptions::UpdateSubscription, request, response));
  ExpectOk(Call(kOps, &Subscriptions::UpdateSubscription, request, response));
}

TEST_F(GrpcPolicyTest, AListShowsWhatItsReaderMaySee) {
  StartWithPolicy();
  for (const char* name :
       {"billing", "billing-eu", "accounts", "billing-us", "shipping"}) {
    ExpectOk(Create(kOps, name));
  }
  EXPECT_THAT(ListAs(kBilling),
              ElementsAre("billing", "billing-eu", "billing-us"));
  EXPECT_THAT(ListAs(kBilling, /*page_size=*/1),
              ElementsAre("billing", "billing-eu", "billing-us"));
  EXPECT_THAT(ListAs(kOps), ElementsAre("accounts", "billing", "billing-eu",
                                        "billing-us", "shipping"));
  v1::ListSubscriptionsResponse response;
  ExpectDenied(Call(kAudit, &Subscriptions::ListSubscriptions,
                    v1::ListSubscriptionsRequest(), response));
}

TEST_F(GrpcPolicyTest, AWorkerIsSeenWithItsPrincipal) {
  StartWithPolicy();
  ExpectOk(Create(kOps, "billing"));
  EventStream stream(channel_, Of("billing"), kBilling);
  ASSERT_TRUE(stream.Next().has_value());
  v1::GetSubscriptionRequest request;
  request.set_name("billing");
  v1::GetSubscriptionResponse response;
  ExpectOk(Call(kOps, &Subscriptions::GetSubscription, request, response));
  ASSERT_EQ(response.subscription().workers_size(), 1);
  EXPECT_EQ(response.subscription().workers(0).principal(), "token:billing");
}

TEST_F(GrpcPolicyTest, WithdrawingARightEndsTheStreamsThatRestOnIt) {
  StartWithPolicy();
  ExpectOk(Create(kOps, "billing"));
  EventStream worker(channel_, Of("billing"), kBilling);
  EventStream reader(channel_, {}, kAudit);
  EventStream ops(channel_, {}, kOps);
  ASSERT_TRUE(worker.Next().has_value());
  ASSERT_TRUE(reader.Next().has_value());
  ASSERT_TRUE(ops.Next().has_value());

  const absl::Time withdrawn = absl::Now();
  WritePolicy(Allow("'token:billing'", "'consume'", "'billing-*'") +
              Allow("'token:audit'", "'GetLog'") + Ops());
  ExpectDenied(worker.End());
  ExpectDenied(reader.End());
  EXPECT_LT(absl::Now() - withdrawn, absl::Seconds(10));
  ExpectDenied(SubscribeAs(kBilling, Of("billing")));
  ExpectOk(GetLogWith(kAudit));

  Post({.count = 1});
  EXPECT_TRUE(ops.NextBatch().has_value());
  EXPECT_TRUE(relay_->WaitForLog("stream ended reason=ACCESS_DENIED").ok());
}

TEST_F(GrpcPolicyTest, AReaderThatIsStuckLosesItsStreamToo) {
  StartWithPolicy();
  Post({.count = 150, .padding_bytes = 200'000});
  EventStream stuck(channel_, FromEarliest(), kAudit);
  ASSERT_TRUE(stuck.Next().has_value());
  WritePolicy(Ops());
  EXPECT_TRUE(relay_->WaitForLog("stream ended reason=ACCESS_DENIED").ok());
  // Behind what was on its way.
  ExpectDenied(stuck.End());
}

TEST_F(GrpcPolicyTest, ABrokenPolicyKeepsTheOneInForce) {
  StartWithPolicy();
  EventStream stream(channel_, {}, kAudit);
  ASSERT_TRUE(stream.Next().has_value());
  WritePolicy("[[allow]]\nprincipals = ['token:ops']\nmethods = ['all']\n");
  const absl::Status told = relay_->WaitForLog("line 3: methods: 'all' is no");
  EXPECT_TRUE(told.ok()) << told;
  ExpectOk(GetLogWith(kAudit));
  ExpectDenied(GetLogWith(kStranger));
  Post({.count = 1});
  EXPECT_TRUE(stream.NextBatch().has_value());
}

TEST_F(GrpcPolicyTest, OneWhoNobodyKnowsCanBeAllowedByName) {
  WritePolicy(Allow("'anonymous'", "'GetLog'"));
  StartRelay();
  ExpectOk(GetLogOver(channel_));
  EventStream stream(channel_, {});
  ExpectDenied(stream.End());
}

// Of one of gRPC's own services, by its path; `token` may be empty.
grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& method, const std::string& request,
                 const std::string& token) {
  RawCall call(channel, method, request, token);
  if (call.Next().has_value()) return grpc::Status::OK;
  return call.Finish();
}

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kChannelz[] = "/grpc.channelz.v1.Channelz/GetServers";
// ServerReflectionRequest with list_services.
constexpr char kListServices[] = "\x3a\x01*";

TEST_F(GrpcPolicyTest, HealthIsForAllAndTheInsideForThoseWhoMaySeeIt) {
  StartWithPolicy();
  EXPECT_TRUE(Ask(channel_, kHealth, "", "").ok());
  for (const char* method : {kReflection, kChannelz}) {
    const std::string request = method == kReflection ? kListServices : "";
    EXPECT_EQ(Ask(channel_, method, request, "").error_code(),
              grpc::StatusCode::UNAUTHENTICATED);
    const grpc::Status denied = Ask(channel_, method, request, kBilling);
    EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(denied.error_message(), HasSubstr("token:billing may not use"));
    EXPECT_TRUE(Ask(channel_, method, request, kOps).ok());
  }
}

TEST_F(GrpcPolicyTest, WithoutAPolicyWhoIsKnownMayDoEverything) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  ExpectOk(Create(kBilling, "billing"));
  ExpectOk(SubscribeAs(kBilling, Of("billing")));
  EXPECT_TRUE(Ask(channel_, kReflection, kListServices, kBilling).ok());
  EXPECT_EQ(Ask(channel_, kReflection, kListServices, "").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace enveloperelay::testing
