#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class AdminTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> arguments = {}) {
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }
  RawResponse Ask(const std::string& request) const {
    auto response = Fetch(relay_->admin_port(), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }
  RawResponse Get(const std::string& path) const {
    return Ask(RawRequest("GET", path));
  }

  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(AdminTest, IsAliveAndReady) {
  Start();
  EXPECT_EQ(Get("/livez").status, 200);
  const RawResponse ready = Get("/readyz?verbose");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.Field("content-type"), "text/plain; charset=utf-8");
}

TEST_F(AdminTest, SaysWhichVersionItIs) {
  Start();
  const RawResponse response = Get("/version");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Field("content-type"), "application/json");
  const boost::json::value version = boost::json::parse(response.body);
  for (const char* const member : {"version", "commit", "build"}) {
    EXPECT_FALSE(version.at(member).as_string().empty()) << member;
  }
}

TEST_F(AdminTest, ShowsMetricsInTheTextFormat) {
  Start();
  const std::string body =
      R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Fetch(relay_->ingress_port(),
                      RawRequest("POST", "/webhooks/signplus", body))
                    .ok());
  }
  const RawResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.Field("content-type"),
              HasSubstr("text/plain; version=0.0.4"));
  for (const auto& [status, reason, count] :
       std::vector<std::tuple<int, std::string, int>>{
           {200, "STORED", 1},
           {200, "DUPLICATE", 1},
           {401, "UNAUTHENTICATED", 0},
           {503, "UNAVAILABLE", 0}}) {
    EXPECT_THAT(response.body,
                ContainsRegex(absl::StrFormat(
                    "\nenvelope_relay_ingress_requests_total\\{(status=\"%d\","
                    "reason=\"%s\"|reason=\"%s\",status=\"%d\")\\} %d\n",
                    status, reason, reason, status, count)));
  }
  EXPECT_THAT(response.body,
              HasSubstr("\nenvelope_relay_ingress_connections "));
}

TEST_F(AdminTest, AnswersHeadWithoutABody) {
  Start();
  auto connection = RawConnection::Connect(relay_->admin_port());
  ASSERT_TRUE(connection.ok()) << connection.status();
  for (const char* const path : {"/livez", "/readyz", "/metrics", "/version"}) {
    ASSERT_TRUE(connection->Send(RawRequest("HEAD", path)).ok());
    const auto response = connection->Read(/*to_head=*/true);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_NE(response->Field("content-length"), "0");
  }
}

TEST_F(AdminTest, RefusesOtherPathsAndMethods) {
  Start();
  const RawResponse unknown = Get("/healthz");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.Field("content-type"), "application/problem+json");
  for (const char* const method : {"POST", "PUT", "DELETE"}) {
    const RawResponse response = Ask(RawRequest(method, "/livez"));
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.Field("allow"), "GET, HEAD");
  }
  // It reads no bodies.
  EXPECT_EQ(Ask(RawRequest("GET", "/livez", "body")).status, 413);
  EXPECT_EQ(Ask("GET /livez HTTP/1.1\r\n\r\n").status, 400);
}

TEST_F(AdminTest, IsNotReadyWhileTheDiskIsFull) {
  Start({"--disk-reserve-bytes=1TiB"});
  const RawResponse response = Get("/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("disk"));
  EXPECT_EQ(Get("/livez").status, 200);
}

TEST_F(AdminTest, IsNotReadyWhileTheRelayStopsButAlive) {
  Start({"--drain-timeout=20s"});
  // A webhook under way keeps it from ending at once.
  auto webhook = RawConnection::Connect(relay_->ingress_port());
  ASSERT_TRUE(webhook.ok()) << webhook.status();
  ASSERT_TRUE(webhook
                  ->Send("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                         "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                  .ok());
  ASSERT_EQ(webhook->Read()->status, 100);
  relay_->Signal(SIGTERM);
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  RawResponse ready = Get("/readyz");
  while (ready.status == 200 && absl::Now() < deadline) ready = Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("draining"));
  EXPECT_EQ(Get("/livez").status, 200);
  ASSERT_TRUE(webhook->Send("{}").ok());
  EXPECT_EQ(webhook->Read()->status, 422);
  webhook->FinishSending();
  const auto status = relay_->WaitForExit();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->code, 0);
}

}  // namespace
}  // namespace enveloperelay::testing
