// From a signal to the end of the process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_call.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

// grpc.health.v1.HealthCheckResponse.
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

constexpr char kBody[] =
    R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";

class DrainTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> arguments = {}) {
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }
  // A webhook that the relay has taken and whose body is yet to come.
  RawConnection BeginWebhook() {
    auto webhook = RawConnection::Connect(relay_->ingress_port());
    EXPECT_TRUE(webhook.ok()) << webhook.status();
    EXPECT_TRUE(webhook
                    ->Send(absl::StrCat(
                        "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                        "Expect: 100-continue\r\nContent-Length: ",
                        sizeof(kBody) - 1, "\r\n\r\n"))
                    .ok());
    EXPECT_EQ(webhook->Read()->status, 100);
    return *std::move(webhook);
  }
  RawResponse Post() {
    auto response = Fetch(relay_->ingress_port(),
                          RawRequest("POST", "/webhooks/signplus", kBody));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }

  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(DrainTest, EndsWithZeroAfterEitherSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start();
    relay_->Signal(signal);
    EXPECT_EQ(relay_->WaitForExit().value(), (ExitStatus{.code = 0}));
    EXPECT_THAT(relay_->Log(), HasSubstr("drained"));
  }
}

TEST_F(DrainTest, SaysAtOnceThatItIsNotReadyWhileAWebhookIsUnderWay) {
  Start({"--drain-timeout=60s"});
  RawCall health(Connect(relay_->grpc_target()), "/grpc.health.v1.Health/Watch",
                 "");
  ASSERT_EQ(health.Next(), kServing);
  RawConnection webhook = BeginWebhook();

  relay_->Signal(SIGTERM);

  EXPECT_EQ(health.Next(), kNotServing);
  const auto ready = Fetch(relay_->admin_port(), RawRequest("GET", "/readyz"));
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_EQ(ready->status, 503);
  EXPECT_THAT(ready->body, HasSubstr("draining"));
}

TEST_F(DrainTest, StoresTheWebhookUnderWayAndStreamsItBeforeTheEnd) {
  Start({"--drain-timeout=60s"});
  EventStream stream(Connect(relay_->grpc_target()), {});
  ASSERT_TRUE(stream.Next().has_value());
  RawConnection webhook = BeginWebhook();
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(relay_->WaitForLog("draining").ok());

  ASSERT_TRUE(webhook.Send(kBody).ok());
  const auto answer = webhook.Read();
  webhook.FinishSending();

  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200) << answer->body;
  std::vector<std::string> envelopes;
  std::optional<v1::SubscribeResponse> last;
  while (auto response = stream.Next()) {
    for (const v1::EnvelopeEvent& event : response->events()) {
      envelopes.push_back(event.envelope_id());
    }
    last = std::move(response);
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(envelopes, std::vector<std::string>{"e1"});
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->end().reason(), v1::END_REASON_SERVER_DRAINING);
  EXPECT_TRUE(last->end().has_retry_delay());
  EXPECT_EQ(relay_->WaitForExit().value(), (ExitStatus{.code = 0}));
}

TEST_F(DrainTest, HasWhatItAcknowledgedAfterTheNextStart) {
  Start();
  const RawResponse first = Post();
  ASSERT_EQ(first.status, 200);
  ASSERT_EQ(relay_->Terminate().value(), (ExitStatus{.code = 0}));

  ASSERT_TRUE(relay_->Restart().ok());
  const RawResponse again = Post();

  EXPECT_EQ(again.status, 200);
  EXPECT_THAT(again.body, HasSubstr(R"("duplicate":true)"));
  const size_t common = first.body.find(R"("duplicate")");
  EXPECT_EQ(again.body.substr(0, common), first.body.substr(0, common));
}

TEST_F(DrainTest, IsOverInTimeWhateverClientsDo) {
  Start({"--drain-timeout=5s"});
  const RawConnection webhook = BeginWebhook();
  EventStream stream(Connect(relay_->grpc_target()), {});
  ASSERT_TRUE(stream.Next().has_value());

  const absl::Time begin = absl::Now();
  relay_->Signal(SIGTERM);

  EXPECT_EQ(relay_->WaitForExit().value(), (ExitStatus{.code = 0}));
  EXPECT_LE(absl::Now() - begin, absl::Seconds(5));
  EXPECT_THAT(relay_->Log(), HasSubstr("have been cut off"));
}

TEST_F(DrainTest, IsCutShortByASecondSignal) {
  Start({"--drain-timeout=60s"});
  const RawConnection webhook = BeginWebhook();
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(relay_->WaitForLog("draining").ok());

  relay_->Signal(SIGTERM);

  EXPECT_EQ(relay_->WaitForExit(absl::Seconds(10)).value(),
            (ExitStatus{.code = 1}));
  EXPECT_THAT(relay_->Log(), HasSubstr("second signal"));
}

}  // namespace
}  // namespace enveloperelay::testing
