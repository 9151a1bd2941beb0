// Callers that are known by bearer tokens.
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/event_stream.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUnknown[] = "ert_unknown_unknown_unknown_unknown";

class GrpcTokensTest : public AccessRelayTest {};

TEST_F(GrpcTokensTest, AGoodTokenOpensTheDoor) {
  WriteTokens(TokenLine("billing", kBilling) +
              TokenLine("audit", kAudit, "2999-01-01T00:00:00Z"));
  StartRelay();
  ExpectOk(GetLogWith(kBilling));
  ExpectOk(GetLogWith(kAudit));
  ExpectOk(GetLogOver(channel_, std::string("bearer  ") + kBilling));
  EventStream stream(channel_, {}, kBilling);
  EXPECT_TRUE(stream.Next().has_value());
}

TEST_F(GrpcTokensTest, NoneOrAMalformedUnknownOrExpiredOneDoesNot) {
  WriteTokens(TokenLine("billing", kBilling) +
              TokenLine("audit", kAudit, "2020-01-01T00:00:00Z"));
  StartRelay();
  const std::string billing = kBilling;
  for (const std::string& authorization :
       {std::string(), "Bearer " + std::string(kUnknown),
        "Bearer " + std::string(kAudit), "Basic " + billing, billing,
        std::string("Bearer"), std::string("Bearer "),
        "Bearer " + billing + " " + billing, "Bearer " + billing + "x",
        "Bearer " + billing.substr(1), "Bearer " + std::string(300, 'x')}) {
    const grpc::Status status = GetLogOver(channel_, authorization);
    ExpectUnauthenticated(status);
    EXPECT_THAT(status.error_message(), Not(HasSubstr(billing)));
  }
  EventStream stream(channel_, {});
  ExpectUnauthenticated(stream.End());
  EventStream expired(channel_, {}, kAudit);
  const grpc::Status status = expired.End();
  ExpectUnauthenticated(status);
  EXPECT_THAT(status.error_message(), HasSubstr("expired"));
  EXPECT_THAT(relay_->Log(), Not(HasSubstr(kAudit)));
}

TEST_F(GrpcTokensTest, TwoTokensInOneCallAreMalformed) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("authorization", std::string("Bearer ") + kBilling);
  context.AddMetadata("authorization", std::string("Bearer ") + kBilling);
  v1::GetLogResponse response;
  ExpectUnauthenticated(stub_->GetLog(&context, {}, &response));
}

TEST_F(GrpcTokensTest, EveryMethodAsksForOne) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  v1::ListEventsResponse events;
  ExpectUnauthenticated(List({}, events));
  v1::GetEventResponse event;
  ExpectUnauthenticated(Get({}, event));
  grpc::ClientContext acknowledge;
  SetDeadline(acknowledge);
  v1::AcknowledgeResponse statuses;
  ExpectUnauthenticated(stub_->Acknowledge(&acknowledge, {}, &statuses));

  const auto call = [this](auto method, const auto& request, auto response) {
    ExpectUnauthenticated(Call(kUnknown, method, request, response));
  };
  using Stub = Subscriptions;
  call(&Stub::CreateSubscription, v1::CreateSubscriptionRequest(),
       v1::CreateSubscriptionResponse());
  call(&Stub::GetSubscription, v1::GetSubscriptionRequest(),
       v1::GetSubscriptionResponse());
  call(&Stub::ListSubscriptions, v1::ListSubscriptionsRequest(),
       v1::ListSubscriptionsResponse());
  call(&Stub::UpdateSubscription, v1::UpdateSubscriptionRequest(),
       v1::UpdateSubscriptionResponse());
  call(&Stub::DeleteSubscription, v1::DeleteSubscriptionRequest(),
       v1::DeleteSubscriptionResponse());
  call(&Stub::SeekSubscription, v1::SeekSubscriptionRequest(),
       v1::SeekSubscriptionResponse());
  call(&Stub::ListDeadLetters, v1::ListDeadLettersRequest(),
       v1::ListDeadLettersResponse());
  call(&Stub::ReplayDeadLetters, v1::ReplayDeadLettersRequest(),
       v1::ReplayDeadLettersResponse());
  call(&Stub::DeleteDeadLetters, v1::DeleteDeadLettersRequest(),
       v1::DeleteDeadLettersResponse());
}

TEST_F(GrpcTokensTest, RemovingATokenEndsItsStreamsAndNoOthers) {
  WriteTokens(TokenLine("billing", kBilling) + TokenLine("audit", kAudit));
  StartRelay();
  EventStream billing(channel_, {}, kBilling);
  EventStream audit(channel_, {}, kAudit);
  ASSERT_TRUE(billing.Next().has_value());
  ASSERT_TRUE(audit.Next().has_value());

  const absl::Time removed = absl::Now();
  WriteTokens(TokenLine("audit", kAudit));
  ExpectUnauthenticated(billing.End());
  // The file is looked at every second.
  EXPECT_LT(absl::Now() - removed, absl::Seconds(10));
  ExpectUnauthenticated(GetLogWith(kBilling));

  Post({.count = 1});
  EXPECT_TRUE(audit.NextBatch().has_value());
}

TEST_F(GrpcTokensTest, AStreamEndsWhenItsTokenExpires) {
  const absl::Time expires = absl::Now() + absl::Seconds(3);
  WriteTokens(TokenLine(
      "billing", kBilling,
      absl::FormatTime(absl::RFC3339_full, expires, absl::UTCTimeZone())));
  StartRelay();
  EventStream stream(channel_, {}, kBilling);
  ASSERT_TRUE(stream.Next().has_value());
  const grpc::Status status = stream.End();
  ExpectUnauthenticated(status);
  EXPECT_THAT(status.error_message(), HasSubstr("expired"));
  EXPECT_GE(absl::Now(), expires);
  EXPECT_LT(absl::Now() - expires, absl::Seconds(10));
}

TEST_F(GrpcTokensTest, ACallThatWaitsForEventsEndsToo) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("authorization", std::string("Bearer ") + kBilling);
  v1::ListEventsRequest request;
  request.mutable_wait()->set_seconds(60);
  grpc::CompletionQueue queue;
  const auto call = stub_->AsyncListEvents(&context, request, &queue);
  v1::ListEventsResponse response;
  grpc::Status status;
  call->Finish(&response, &status, this);
  // On the same connection, so after it.
  ExpectOk(GetLogWith(kBilling));

  const absl::Time removed = absl::Now();
  WriteTokens("# none\n");
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  ExpectUnauthenticated(status);
  EXPECT_LT(absl::Now() - removed, absl::Seconds(10));
  EXPECT_THAT(relay_->Log(), Not(HasSubstr("call refused")));
  queue.Shutdown();
}

TEST_F(GrpcTokensTest, ABrokenFileKeepsTheTokensInForce) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  EventStream stream(channel_, {}, kBilling);
  ASSERT_TRUE(stream.Next().has_value());
  WriteTokens("billing secret\n");
  const absl::Status told = relay_->WaitForLog("line 1: a hash is");
  EXPECT_TRUE(told.ok()) << told;
  EXPECT_THAT(relay_->Log(), Not(HasSubstr("secret")));
  ExpectOk(GetLogWith(kBilling));

  // The one that comes after it is taken.
  WriteTokens(TokenLine("audit", kAudit));
  ExpectUnauthenticated(stream.End());
  ExpectOk(GetLogWith(kAudit));
}

}  // namespace
}  // namespace enveloperelay::testing
