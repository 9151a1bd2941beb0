// How much one caller may take.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GrpcLimitsTest : public AccessRelayTest {
 protected:
  std::string Metrics() const {
    const auto response =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    return response.ok() ? response->body : "";
  }
};

TEST_F(GrpcLimitsTest, OneCallerGetsSoManyStreamsAndLeavesTheRestToOthers) {
  WriteTokens(TokenLine("billing", kBilling) + TokenLine("audit", kAudit));
  StartRelay({"--streams-per-caller-max=2"});
  EventStream first(channel_, {}, kBilling);
  auto second = std::make_unique<EventStream>(NewChannel(), Of(""), kBilling);
  ASSERT_TRUE(first.Next().has_value());
  ASSERT_TRUE(second->Next().has_value());
  EventStream third(channel_, {}, kBilling);
  const grpc::Status refused = third.End();
  ExpectError(refused, grpc::StatusCode::RESOURCE_EXHAUSTED, "STREAM_LIMIT");
  EXPECT_GT(ReadDetails(refused).retry_delay, absl::ZeroDuration());
  EventStream other(channel_, {}, kAudit);
  EXPECT_TRUE(other.Next().has_value());
  // Other calls are not streams.
  ExpectOk(GetLogWith(kBilling));

  second.reset();
  EXPECT_TRUE(Eventually([this] {
    EventStream again(channel_, {}, kBilling);
    return again.Next().has_value();
  }));
}

TEST_F(GrpcLimitsTest, WorkersOfASubscriptionCountToo) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay({"--streams-per-caller-max=1"});
  ExpectOk(Create(kBilling, "billing"));
  EventStream first(channel_, Of("billing"), kBilling);
  ASSERT_TRUE(first.Next().has_value());
  EventStream second(channel_, Of("billing"), kBilling);
  ExpectError(second.End(), grpc::StatusCode::RESOURCE_EXHAUSTED,
              "STREAM_LIMIT");
}

TEST_F(GrpcLimitsTest, ThoseWhoCannotBeToldApartShareTheLimitOfAll) {
  StartRelay({"--streams-per-caller-max=1", "--streams-max=3"});
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int i = 0; i < 3; ++i) {
    streams.push_back(
        std::make_unique<EventStream>(channel_, v1::SubscribeRequest()));
    EXPECT_TRUE(streams.back()->Next().has_value());
  }
  EventStream fourth(channel_, {});
  ExpectError(fourth.End(), grpc::StatusCode::RESOURCE_EXHAUSTED,
              "STREAM_LIMIT");
}

TEST_F(GrpcLimitsTest, MetricsSayWhoHasStreamsAndWhyCallsWereRefused) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  EXPECT_THAT(Metrics(),
              HasSubstr("envelope_relay_grpc_refused_calls_total{reason="
                        "\"CREDENTIALS_INVALID\"} 0"));
  EventStream stream(channel_, {}, kBilling);
  ASSERT_TRUE(stream.Next().has_value());
  ExpectUnauthenticated(GetLogWith("ert_wrong_wrong_wrong_wrong"));
  const std::string metrics = Metrics();
  EXPECT_THAT(metrics, HasSubstr("envelope_relay_caller_streams{principal="
                                 "\"token:billing\"} 1"));
  EXPECT_THAT(metrics,
              HasSubstr("envelope_relay_grpc_refused_calls_total{reason="
                        "\"CREDENTIALS_INVALID\"} 1"));
  EXPECT_THAT(metrics, Not(HasSubstr("ert_")));
  EXPECT_THAT(relay_->Log(),
              HasSubstr("call refused method=GetLog peer=ipv4:127.0.0.1:"));
  EXPECT_THAT(relay_->Log(), Not(HasSubstr("ert_")));
}

TEST_F(GrpcLimitsTest, ManyRefusalsAreFewLines) {
  WriteTokens(TokenLine("billing", kBilling));
  StartRelay();
  for (int i = 0; i < 200; ++i) {
    ExpectUnauthenticated(GetLogWith("ert_wrong_wrong_wrong_wrong"));
  }
  const std::string log = relay_->Log();
  size_t lines = 0;
  for (size_t at = log.find("call refused"); at != std::string::npos;
       at = log.find("call refused", at + 1)) {
    ++lines;
  }
  EXPECT_GE(lines, 1);
  EXPECT_LT(lines, 100);
}

TEST_F(GrpcLimitsTest, TooMuchMetadataIsRefused) {
  StartRelay();
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("x-large", std::string(20'000, 'x'));
  v1::GetLogResponse response;
  EXPECT_EQ(stub_->GetLog(&context, {}, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  // It costs the connection.
  ExpectOk(GetLogOver(NewChannel()));
}

TEST_F(GrpcLimitsTest, TooLargeARequestIsRefused) {
  StartRelay();
  v1::ListEventsRequest request;
  request.set_cursor(std::string(5 << 20, 'x'));
  v1::ListEventsResponse response;
  EXPECT_EQ(List(request, response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  ExpectOk(GetLogOver(channel_));
}

}  // namespace
}  // namespace enveloperelay::testing
