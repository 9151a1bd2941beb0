// Each row of the table of answers, over sockets.

#include <sys/resource.h>

#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/raw_http.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

using AnswersTest = RelayTest;

constexpr size_t kBodyBytesMax = 256 * 1024;

// A head that announces a body of so many bytes.
std::string HeadOfPost(size_t body_bytes, const std::string& fields = "") {
  return "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\nContent-Length: " +
         std::to_string(body_bytes) + "\r\n" + fields + "\r\n";
}

std::string Chunked(const std::string& chunks, const std::string& fields = "") {
  return "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n" + fields +
         "Transfer-Encoding: chunked\r\n\r\n" + chunks;
}

std::string Chunk(const std::string& data) {
  return absl::StrFormat("%x\r\n%s\r\n", data.size(), data);
}

TEST_F(AnswersTest, StoredOnceAndThenADuplicate) {
  Start();
  const RawResponse first = Ask(Post(Body("e1")));
  ExpectStored(first, 1);
  ExpectStored(Ask(Post(Body("e2"))), 2);
  const RawResponse again = Ask(Post(Body("e1")));
  ExpectStored(again, 1, /*duplicate=*/true);
  EXPECT_EQ(Member(again, "event_id"), Member(first, "event_id"));
}

TEST_F(AnswersTest, ADuplicateIsKnownAfterTheRelayWasKilled) {
  Start();
  ExpectStored(Ask(Post(Body())), 1);
  relay_->Kill();
  ASSERT_TRUE(relay_->Restart().ok());
  ExpectStored(Ask(Post(Body())), 1, /*duplicate=*/true);
}

TEST_F(AnswersTest, WhatMayHappenAgainIsANewEventAfterTheWindow) {
  Start({"--dedup-window=100ms"});
  const std::string body =
      R"({"hook":{"event":"envelope_sent"},"data":{"envelope_id":"e1"}})";
  const RawResponse first = Ask(Post(body));
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  RawResponse again = Ask(Post(body));
  while (Member(again, "duplicate") == "true" && absl::Now() < deadline) {
    EXPECT_EQ(Member(again, "event_id"), Member(first, "event_id"));
    again = Ask(Post(body));
  }
  ExpectStored(again, 2);
  EXPECT_NE(Member(again, "event_id"), Member(first, "event_id"));
}

TEST_F(AnswersTest, WhatIsNotJsonOrNotUtf8IsMalformed) {
  Start();
  RawConnection connection = Connect();
  RawResponse response = Ask(connection, Post("{\"hook\":}"));
  ExpectProblem(response, 400, "MALFORMED_JSON");
  EXPECT_THAT(Member(response, "detail"), HasSubstr("byte 8"));
  response = Ask(connection, Post("{\"a\":\"\xC3\x28\"}"));
  ExpectProblem(response, 400, "MALFORMED_JSON");
  ExpectProblem(Ask(connection, Post("")), 400, "MALFORMED_JSON");
  ExpectStored(Ask(connection, Post(Body())), 1);
}

TEST_F(AnswersTest, WhatIsNoSignPlusEventIsNamed) {
  Start();
  RawConnection connection = Connect();
  const RawResponse response =
      Ask(connection,
          Post(R"({"hook":{"event":7},"data":{"envelope_id":"","uid":{}}})"));
  ExpectProblem(response, 422, "NOT_AN_ENVELOPE_EVENT");
  EXPECT_EQ(Member(response, "detail"),
            "hook.event must be a string; data.envelope_id must not be empty; "
            "data.uid must be a string, null or absent");
  const std::string deep(33, '[');
  ExpectProblem(Ask(connection, Post(deep + std::string(33, ']'))), 422,
                "NOT_AN_ENVELOPE_EVENT");
  ExpectStored(Ask(connection, Post(Body())), 1);
}

TEST_F(AnswersTest, AnotherContentTypeIsUnsupported) {
  Start();
  RawConnection connection = Connect();
  for (const std::string type :
       {"text/plain", "application/x-www-form-urlencoded", "application/xml"}) {
    ExpectProblem(
        Ask(connection, Post(Body(), "Content-Type: " + type + "\r\n")), 415,
        "UNSUPPORTED_MEDIA_TYPE");
  }
  ExpectStored(
      Ask(connection, Post(Body(), "Content-Type: application/json\r\n")), 1);
  ExpectStored(
      Ask(connection,
          Post(Body("e2"), "content-type: Application/JSON;charset=UTF-8\r\n")),
      2);
}

TEST_F(AnswersTest, AnotherPathIsNotFound) {
  Start();
  for (const std::string path :
       {"/", "/webhooks", "/webhooks/signplusx", "/webhooks/signplus/a/b",
        "/livez", "/webhooks%2Fsignplus"}) {
    RawConnection connection = Connect();
    const RawResponse response =
        Ask(connection, RawRequest("POST", path, Body()));
    ExpectProblem(response, 404, "NOT_FOUND");
    EXPECT_EQ(response.Field("connection"), "close");
    EXPECT_TRUE(connection.IsClosed());
  }
}

TEST_F(AnswersTest, AnotherMethodIsNotAllowed) {
  Start();
  for (const std::string method : {"GET", "PUT", "DELETE", "OPTIONS", "BREW"}) {
    const RawResponse response = Ask(RawRequest(method, kPath));
    ExpectProblem(response, 405, "METHOD_NOT_ALLOWED");
    EXPECT_EQ(response.Field("allow"), "POST");
  }
  // One without a body to be read keeps its connection.
  RawConnection connection = Connect();
  ExpectProblem(Ask(connection, RawRequest("GET", kPath)), 405,
                "METHOD_NOT_ALLOWED");
  ExpectStored(Ask(connection, Post(Body())), 1);
}

TEST_F(AnswersTest, AnAnswerToHeadHasNoBody) {
  Start();
  RawConnection connection = Connect();
  ASSERT_TRUE(connection.Send(RawRequest("HEAD", kPath)).ok());
  const auto response = connection.Read(/*to_head=*/true);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 405);
  EXPECT_NE(response->Field("content-length"), "0");
  // The next bytes are the next answer.
  ExpectStored(Ask(connection, Post(Body())), 1);
}

TEST_F(AnswersTest, ABodyMayBeAsLargeAsTheLimitAndNoLarger) {
  Start();
  const std::string body = Body();
  const std::string largest =
      body + std::string(kBodyBytesMax - body.size(), ' ');
  RawConnection connection = Connect();
  ExpectStored(Ask(connection, Post(largest)), 1);
  ExpectStored(Ask(connection, Chunked(Chunk(largest) + "0\r\n\r\n")), 1, true);

  // The answer comes before the body does.
  const RawResponse announced = Ask(connection, HeadOfPost(kBodyBytesMax + 1));
  ExpectProblem(announced, 413, "BODY_TOO_LARGE");
  EXPECT_EQ(announced.Field("connection"), "close");
  EXPECT_TRUE(connection.IsClosed());
  ExpectProblem(Ask("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                    "Content-Length: 99999999999999999999999\r\n\r\n"),
                413, "BODY_TOO_LARGE");

  RawConnection chunked = Connect();
  const RawResponse response = Ask(chunked, Chunked(Chunk(largest) + "1\r\n"));
  ExpectProblem(response, 413, "BODY_TOO_LARGE");
  EXPECT_TRUE(chunked.IsClosed());
}

// A client that sends all of its request before it reads.
TEST_F(AnswersTest, ARefusalReachesAClientThatIsStillSending) {
  Start();
  ExpectProblem(Ask(Post(std::string(8 * 1024 * 1024, ' '))), 413,
                "BODY_TOO_LARGE");
}

TEST_F(AnswersTest, TheLimitOfABodyIsAnOption) {
  Start({"--ingress-max-body-bytes=1KiB"});
  ExpectProblem(Ask(HeadOfPost(1025)), 413, "BODY_TOO_LARGE");
  ExpectStored(Ask(Post(Body() + std::string(1024 - Body().size(), ' '))), 1);
}

TEST_F(AnswersTest, SlowHeadsAndBodiesTimeOut) {
  Start({"--ingress-header-timeout=300ms", "--ingress-body-grace=300ms"});
  for (const std::string& begun : std::vector<std::string>{
           "P", "POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n",
           HeadOfPost(100), HeadOfPost(100) + "{", Chunked("5\r\nab")}) {
    RawConnection connection = Connect();
    const RawResponse response = Ask(connection, begun);
    ExpectProblem(response, 408, "REQUEST_TIMEOUT");
    EXPECT_EQ(response.Field("connection"), "close");
    EXPECT_TRUE(connection.IsClosed());
  }
}

TEST_F(AnswersTest, IdleConnectionsAreClosed) {
  Start({"--ingress-idle-timeout=300ms"});
  RawConnection connection = Connect();
  ExpectStored(Ask(connection, Post(Body())), 1);
  EXPECT_TRUE(connection.IsClosed());
}

TEST_F(AnswersTest, ContinuesOnlyAfterTokenAndSize) {
  StartWithTokens(kToken);
  const std::string expect = "Expect: 100-continue\r\n";
  const std::string bearer =
      "Authorization: Bearer " + std::string(kToken) + "\r\n";
  EXPECT_EQ(Ask(HeadOfPost(10, expect)).status, 401);
  EXPECT_EQ(Ask(HeadOfPost(kBodyBytesMax + 1, expect + bearer)).status, 413);

  RawConnection connection = Connect();
  EXPECT_EQ(Ask(connection, HeadOfPost(Body().size(), expect + bearer)).status,
            100);
  ExpectStored(Ask(connection, Body()), 1);
  EXPECT_EQ(Ask(connection, Chunked("", expect + bearer)).status, 100);
  ExpectStored(Ask(connection, Chunk(Body("e2")) + "0\r\n\r\n"), 2);

  // HTTP/1.0 knows nothing of it.
  RawConnection old = Connect();
  ExpectStored(
      Ask(old, "POST /webhooks/signplus HTTP/1.0\r\n" + expect + bearer +
                   "Content-Length: " + std::to_string(Body("e3").size()) +
                   "\r\n\r\n" + Body("e3")),
      3);
}

TEST_F(AnswersTest, TheSoftLimitOfOpenFilesIsNone) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 200;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  Start();  // with the limits of this process
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<RawConnection> connections;
  for (int i = 0; i < 300; ++i) {
    connections.push_back(Connect());
    ASSERT_EQ(Ask(connections.back(), RawRequest("GET", kPath)).status, 405);
  }
}

TEST_F(AnswersTest, TooManyConnectionsFromOneAddressAreRateLimited) {
  Start({"--ingress-connections-per-address-max=3"});
  std::vector<RawConnection> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(Connect());
    ASSERT_EQ(Ask(connections.back(), RawRequest("GET", kPath)).status, 405);
  }
  RawConnection fourth = Connect();
  const RawResponse response = Ask(fourth, Post(Body()));
  ExpectProblem(response, 429, "RATE_LIMITED");
  EXPECT_THAT(response.Field("retry-after"), AnyOf("1", "2", "3", "4", "5"));
  EXPECT_EQ(response.Field("connection"), "close");
  EXPECT_TRUE(fourth.IsClosed());
  ExpectStored(Ask(connections.front(), Post(Body())), 1);
}

TEST_F(AnswersTest, TooManyConnectionsAreUnavailable) {
  Start({"--ingress-connections-max=3"});
  std::vector<RawConnection> connections;
  for (int i = 0; i < 3; ++i) {
    connections.push_back(Connect());
    ASSERT_EQ(Ask(connections.back(), RawRequest("GET", kPath)).status, 405);
  }
  RawConnection fourth = Connect();
  const RawResponse response = Ask(fourth, Post(Body()));
  ExpectProblem(response, 503, "UNAVAILABLE");
  EXPECT_THAT(response.Field("retry-after"), AnyOf("1", "2", "3", "4", "5"));
  EXPECT_TRUE(fourth.IsClosed());
  ExpectStored(Ask(connections.front(), Post(Body())), 1);
}

TEST_F(AnswersTest, AConnectionIsClosedWhenItIsOldEnough) {
  Start({"--ingress-connection-age-max=200ms"});
  RawConnection connection = Connect();
  const absl::Time deadline = absl::Now() + RawConnection::kPatience;
  RawResponse response = Ask(connection, Post(Body()));
  while (response.Field("connection").empty() && absl::Now() < deadline) {
    response = Ask(connection, Post(Body()));
  }
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Field("connection"), "close");
  EXPECT_TRUE(connection.IsClosed());
}

TEST_F(AnswersTest, NoRoomOnTheDiskIsUnavailable) {
  Start({"--disk-reserve-bytes=1TiB"});
  RawConnection connection = Connect();
  for (int i = 0; i < 2; ++i) {
    const RawResponse response = Ask(connection, Post(Body()));
    ExpectProblem(response, 503, "UNAVAILABLE");
    EXPECT_THAT(response.Field("retry-after"), AnyOf("1", "2", "3", "4", "5"));
  }
}

TEST_F(AnswersTest, ARequestThatComesWhileTheRelayStopsIsToldToComeBack) {
  // One thread takes what arrives in its order.
  Start({"--ingress-threads=1"});
  RawConnection late = Connect();
  RawConnection begun = Connect();
  RawConnection idle = Connect();
  ASSERT_TRUE(late.Send("POST /webhooks/signplus HTTP/1.1\r\n").ok());
  ASSERT_EQ(
      Ask(begun, HeadOfPost(Body().size(), "Expect: 100-continue\r\n")).status,
      100);
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(idle.IsClosed());
  const RawResponse refused = Ask(late, "Host: a\r\nContent-Length: 1\r\n\r\n");
  ExpectProblem(refused, 503, "UNAVAILABLE");
  EXPECT_NE(refused.Field("retry-after"), "");
  late.FinishSending();
  EXPECT_TRUE(late.IsClosed());

  const RawResponse answered = Ask(begun, Body());
  ExpectStored(answered, 1);
  EXPECT_EQ(answered.Field("connection"), "close");
  begun.FinishSending();
  const auto status = relay_->WaitForExit();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->code, 0);
}

}  // namespace
}  // namespace enveloperelay::testing
