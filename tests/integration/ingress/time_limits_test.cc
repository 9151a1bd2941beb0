#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/ingress/server.h"
#include "tests/integration/ingress/ingress_server.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

class TimeLimitsTest : public IngressServerTest {
 protected:
  // A limit that a test waits for, and one that it must not meet.
  static constexpr absl::Duration kShort = absl::Milliseconds(300);
  static constexpr absl::Duration kLong = absl::Minutes(10);

  // Limits that no test meets.
  static IngressOptions Patient() {
    IngressOptions options = Options();
    options.http.header_timeout = kLong;
    options.http.idle_timeout = kLong;
    options.http.body_grace = kLong;
    return options;
  }

  static void ExpectTimeout(RawConnection connection) {
    const auto response = connection.Read();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 408);
    EXPECT_EQ(response->Field("connection"), "close");
    EXPECT_THAT(response->body, HasSubstr(R"("reason":"REQUEST_TIMEOUT")"));
    EXPECT_TRUE(connection.IsClosed());
  }
};

TEST_F(TimeLimitsTest, AHeadThatDoesNotComeEndsTheConnection) {
  IngressOptions options = Patient();
  options.http.header_timeout = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  const absl::Time begin = absl::Now();
  ASSERT_TRUE(
      connection.Send("POST /webhooks/signplus HTTP/1.1\r\nHost:").ok());
  ExpectTimeout(std::move(connection));
  EXPECT_GE(absl::Now() - begin, kShort - absl::Milliseconds(1));
}

TEST_F(TimeLimitsTest, MoreOfAHeadBuysNoMoreTime) {
  IngressOptions options = Patient();
  options.http.header_timeout = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send("POST /webhooks/signplus HTTP/1.1\r\nX: ").ok());
  // One byte after the other until the server has had enough.
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  while (!connection.HasNewsWithin(absl::Milliseconds(20)) &&
         absl::Now() < deadline) {
    if (!connection.Send("y").ok()) break;
  }
  ExpectTimeout(std::move(connection));
}

TEST_F(TimeLimitsTest, APipelinedHeadHasItsTimeToo) {
  IngressOptions options = Patient();
  options.http.header_timeout = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post() + "POST /web").ok());
  EXPECT_EQ(connection.Read()->status, 200);
  ExpectTimeout(std::move(connection));
}

TEST_F(TimeLimitsTest, AConnectionWithoutARequestIsClosedWithoutAWord) {
  IngressOptions options = Patient();
  options.http.header_timeout = kShort;
  Start(std::move(options));
  EXPECT_TRUE(Connect().IsClosed());
}

TEST_F(TimeLimitsTest, AnIdleConnectionIsClosedWithoutAWord) {
  IngressOptions options = Patient();
  options.http.idle_timeout = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post()).ok());
  EXPECT_EQ(connection.Read()->status, 200);
  EXPECT_TRUE(connection.IsClosed());
}

TEST_F(TimeLimitsTest, ABodyThatDoesNotComeEndsTheConnection) {
  IngressOptions options = Patient();
  options.http.body_grace = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection
                  .Send("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                        "Content-Length: 100\r\n\r\n{")
                  .ok());
  ExpectTimeout(std::move(connection));
}

TEST_F(TimeLimitsTest, ABodyInChunksMustComeAtItsRateToo) {
  IngressOptions options = Patient();
  options.http.body_grace = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  ASSERT_TRUE(connection
                  .Send("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n")
                  .ok());
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  while (!connection.HasNewsWithin(absl::Milliseconds(20)) &&
         absl::Now() < deadline) {
    if (!connection.Send("1\r\n \r\n").ok()) break;
  }
  ExpectTimeout(std::move(connection));
}

TEST_F(TimeLimitsTest, WhatHasArrivedOfABodyBuysTime) {
  IngressOptions options = Patient();
  options.http.body_grace = absl::Milliseconds(1);
  options.http.body_rate_min = 1;
  Start(std::move(options));
  RawConnection connection = Connect();
  const std::string request = Post(kBody + std::string(100, ' '));
  // 160 bytes are good for as many seconds.
  ASSERT_TRUE(connection.Send(request.substr(0, request.size() - 1)).ok());
  EXPECT_FALSE(connection.HasNewsWithin(absl::Milliseconds(500)));
  ASSERT_TRUE(connection.Send(" ").ok());
  EXPECT_EQ(connection.Read()->status, 200);
}

TEST_F(TimeLimitsTest, AnAppendMayTakeAsLongAsItTakes) {
  IngressOptions options = Options();
  options.http.header_timeout = kShort;
  options.http.idle_timeout = kShort;
  options.http.body_grace = kShort;
  Start(std::move(options));
  log_.HoldAppends();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(Post()).ok());
  EXPECT_FALSE(connection.HasNewsWithin(4 * kShort));
  log_.ReleaseAppends();
  EXPECT_EQ(connection.Read()->status, 200);
}

TEST_F(TimeLimitsTest, AClientThatDoesNotTakeItsAnswersIsLeft) {
  IngressOptions options = Patient();
  options.http.idle_timeout = kShort;
  Start(std::move(options));
  RawConnection connection = Connect();
  const std::string requests = [] {
    std::string some;
    for (int i = 0; i < 1000; ++i) some += RawRequest("GET", "/");
    return some;
  }();
  // Until the buffers of both ends are full of answers, then of requests.
  while (connection.Send(requests).ok()) {
  }
  EXPECT_TRUE(Eventually([this] { return Metric("connections") == 0; }));
}

}  // namespace
}  // namespace enveloperelay::testing
