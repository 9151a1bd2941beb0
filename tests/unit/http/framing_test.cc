#include "server/http/framing.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A head with one Host field and these header lines besides.
std::string Head(std::string_view lines,
                 std::string_view request_line = "POST /x HTTP/1.1") {
  return std::string(request_line) + "\r\nHost: relay.example\r\n" +
         std::string(lines) + "\r\n";
}

RequestHead MustParse(std::string_view bytes) {
  const auto head = ParseHead(bytes);
  EXPECT_TRUE(head.ok() && head->has_value())
      << head.status() << " " << absl::CEscape(std::string(bytes));
  return head.ok() ? head->value_or(RequestHead()) : RequestHead();
}

absl::StatusCode CodeOf(std::string_view bytes) {
  return ParseHead(bytes).status().code();
}

TEST(FramingTest, ReadsWhatItNeeds) {
  const std::string bytes =
      "POST /webhooks/signplus/t?a=b HTTP/1.1\r\n"
      "host: relay.example:8080\r\n"
      "AUTHORIZATION:Bearer x\r\n"
      "Content-Type: \t application/json; charset=utf-8 \t\r\n"
      "Content-Length: 007\r\n"
      "Expect: 100-Continue\r\n"
      "traceparent: 00-1-2-3\r\n"
      "X-Other: caf\xC3\xA9\r\n"
      "X-Empty:\r\n"
      "\r\n"
      "{\"a\":1}";
  const RequestHead head = MustParse(bytes);
  EXPECT_EQ(head.size, bytes.size() - 7);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/webhooks/signplus/t?a=b");
  EXPECT_EQ(head.path(), "/webhooks/signplus/t");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.authorization, "Bearer x");
  EXPECT_EQ(head.content_type, "application/json; charset=utf-8");
  EXPECT_EQ(head.content_length, 7U);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_EQ(head.traceparent, "00-1-2-3");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.chunked);
  EXPECT_TRUE(head.has_body());
}

TEST(FramingTest, ReadsWhatSignsAWebhookInBothSpellings) {
  const std::string bytes = Head(
      "Webhook-Id: a\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,x\r\n"
      "svix-id: b\r\nSVIX-TIMESTAMP: 2\r\nsvix-signature: v1,y v1,z\r\n");
  const RequestHead head = MustParse(bytes);
  EXPECT_EQ(head.webhook_id, "a");
  EXPECT_EQ(head.webhook_timestamp, "1");
  EXPECT_EQ(head.webhook_signature, "v1,x");
  EXPECT_EQ(head.svix_id, "b");
  EXPECT_EQ(head.svix_timestamp, "2");
  EXPECT_EQ(head.svix_signature, "v1,y v1,z");
}

TEST(FramingTest, KeepsTheLinesOfXForwardedForInTheirOrder) {
  const std::string bytes = Head(
      "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nX: y\r\n"
      "x-forwarded-for:\r\nX-FORWARDED-FOR: 2001:db8::1\r\n");
  EXPECT_THAT(MustParse(bytes).forwarded_for,
              ElementsAre("192.0.2.1, 192.0.2.2", "", "2001:db8::1"));
  EXPECT_THAT(MustParse(Head("")).forwarded_for, IsEmpty());
}

TEST(FramingTest, WantsMoreUntilTheHeadIsComplete) {
  const std::string bytes = Head("Content-Length: 3\r\n");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto head = ParseHead(bytes.substr(0, size));
    ASSERT_TRUE(head.ok()) << head.status();
    ASSERT_FALSE(head->has_value()) << size;
  }
  EXPECT_EQ(MustParse(bytes).size, bytes.size());
}

TEST(FramingTest, SkipsOneEmptyLineInFront) {
  EXPECT_EQ(MustParse("\r\n" + Head("")).size, Head("").size() + 2);
  EXPECT_EQ(CodeOf("\r\n\r\n" + Head("")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("\n" + Head("")), absl::StatusCode::kInvalidArgument);
}

TEST(FramingTest, KnowsByTheFirstByteWhatIsNoRequest) {
  for (const std::string& bytes : std::vector<std::string>{
           "\x16", "\x16\x03\x01", std::string(1, '\0'), " ", "{", "\x80"}) {
    EXPECT_EQ(CodeOf(bytes), absl::StatusCode::kInvalidArgument)
        << absl::CEscape(bytes);
  }
  EXPECT_TRUE(ParseHead("").ok());
  EXPECT_TRUE(ParseHead("\r").ok());
}

TEST(FramingTest, KnowsWhetherTheConnectionStaysOpen) {
  struct Case {
    std::string version;
    std::string line;
    bool keep_alive;
  };
  for (const Case& c : std::vector<Case>{
           {"HTTP/1.1", "", true},
           {"HTTP/1.1", "Connection: close\r\n", false},
           {"HTTP/1.1", "Connection: Keep-Alive\r\n", true},
           {"HTTP/1.1", "Connection: x , CLOSE\r\n", false},
           {"HTTP/1.1", "Connection: x\r\nConnection: close\r\n", false},
           {"HTTP/1.1", "Connection: closed\r\n", true},
           {"HTTP/1.0", "", false},
           {"HTTP/1.0", "Connection: keep-alive\r\n", true},
           {"HTTP/1.0", "Connection: keep-alive, close\r\n", false},
       }) {
    EXPECT_EQ(MustParse(Head(c.line, "POST / " + c.version)).keep_alive,
              c.keep_alive)
        << c.version << " " << c.line;
  }
}

TEST(FramingTest, OneBodyHasOneLength) {
  EXPECT_FALSE(MustParse(Head("")).has_body());
  EXPECT_FALSE(MustParse(Head("Content-Length: 0\r\n")).has_body());
  EXPECT_TRUE(MustParse(Head("Transfer-Encoding: chunked\r\n")).chunked);
  EXPECT_EQ(MustParse(Head("Content-Length: 18446744073709551615\r\n"))
                .content_length,
            std::numeric_limits<uint64_t>::max());
  // Too large to hold is too large for every limit.
  for (const char* const huge :
       {"18446744073709551616", "99999999999999999999999999999999999999"}) {
    EXPECT_EQ(MustParse(Head("Content-Length: " + std::string(huge) + "\r\n"))
                  .content_length,
              std::numeric_limits<uint64_t>::max());
  }
}

TEST(FramingTest, Http10NeedsNoHostAndExpectsNothing) {
  const RequestHead head =
      MustParse("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(head.minor_version, 0);
  EXPECT_FALSE(head.expects_continue);
}

TEST(FramingTest, TwoTraceparentsAreNone) {
  EXPECT_EQ(MustParse(Head("traceparent: a\r\ntraceparent: b\r\n")).traceparent,
            "");
}

TEST(FramingTest, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string& bytes : std::vector<std::string>{
           // The request line.
           "GET /\r\n",
           "GET / \r\n",
           "/ HTTP/1.1\r\n",
           " POST / HTTP/1.1\r\n",
           "POST  / HTTP/1.1\r\n",
           "POST / /x HTTP/1.1\r\n",
           "POST / HTTP/1.1 \r\n",
           "POST\t/ HTTP/1.1\r\n",
           "POST /\tHTTP/1.1\r\n",
           "POST / HTTP/0.9\r\n",
           "POST / HTTP/1.2\r\n",
           "POST / HTTP/2.0\r\n",
           "POST / HTTP/1.10\r\n",
           "POST / http/1.1\r\n",
           "POST / HTTP/1.1\n",
           "PO(ST / HTTP/1.1\r\n",
           "POST http://relay.example/ HTTP/1.1\r\n",
           "POST relay.example:80 HTTP/1.1\r\n",
           "POST * HTTP/1.1\r\n",
           "POST /#x HTTP/1.1\r\n",
           "POST /\x7F HTTP/1.1\r\n",
           "POST /\xC3\xA9 HTTP/1.1\r\n",
           std::string("POST /\0 HTTP/1.1\r\n", 18),
           "PRI * HTTP/2.0\r\n",
           // Lines.
           "POST / HTTP/1.1\r\nHost: a\n",
           "POST / HTTP/1.1\r\n\n",
           "POST / HTTP/1.1\r\nHost: a\r\r\n",
           "POST / HTTP/1.1\r\n Host: a\r\n",
           Head("X: a\r\n b\r\n"),
           Head("X: a\r\n\tb\r\n"),
           Head("X\r\n"),
           Head(": a\r\n"),
           Head("X : a\r\n"),
           Head("X\t: a\r\n"),
           Head("X(: a\r\n"),
           Head("X\x80: a\r\n"),
           Head("X: a\rb\r\n"),
           Head("X: \x7F\r\n"),
           Head("X: \x01\r\n"),
           Head("X: " + std::string(1, '\0') + "\r\n"),
           // Host.
           "POST / HTTP/1.1\r\n\r\n",
           Head("Host: relay.example\r\n"),
           Head("HOST: other\r\n", "POST / HTTP/1.0"),
           "POST / HTTP/1.1\r\nHost: a b\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a@b\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a/b\r\n\r\n",
           // Content-Length.
           Head("Content-Length: 3\r\nContent-Length: 3\r\n"),
           Head("Content-Length: 3\r\nContent-Length: 4\r\n"),
           Head("Content-Length: 3, 3\r\n"),
           Head("Content-Length: +3\r\n"),
           Head("Content-Length: -3\r\n"),
           Head("Content-Length: 0x3\r\n"),
           Head("Content-Length: 3 4\r\n"),
           Head("Content-Length: 3.0\r\n"),
           Head("Content-Length:\r\n"),
           // Transfer-Encoding.
           Head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
           Head("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
           Head("Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n"),
           Head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"),
           Head("Transfer-Encoding: gzip\r\n", "POST / HTTP/1.0"),
           // What authenticates or says what the body is.
           Head("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
           Head("Content-Type: a/b\r\nContent-Type: a/b\r\n"),
           Head("webhook-id: a\r\nWebhook-Id: a\r\n"),
           Head("webhook-id:\r\nwebhook-id: a\r\n"),
           Head("webhook-timestamp: 1\r\nwebhook-timestamp: 1\r\n"),
           Head("webhook-signature: v1,a\r\nwebhook-signature: v1,b\r\n"),
           Head("svix-id: a\r\nsvix-id: a\r\n"),
           Head("svix-timestamp: 1\r\nsvix-timestamp: 1\r\n"),
           Head("svix-signature: v1,a\r\nsvix-signature: v1,b\r\n"),
       }) {
    EXPECT_EQ(CodeOf(bytes), absl::StatusCode::kInvalidArgument)
        << absl::CEscape(bytes);
  }
}

TEST(FramingTest, UnderstandsNoTransferCodingButChunked) {
  for (const char* const value :
       {"gzip", "identity", "xchunked", "chunked, identity", "gzip, chunked",
        "chunked;q=1", "\"chunked\"", "chunked,", "Chunked", "",
        "chunked\r\nTransfer-Encoding: chunked",
        "identity\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: identity"}) {
    EXPECT_EQ(CodeOf(Head("Transfer-Encoding: " + std::string(value) + "\r\n")),
              absl::StatusCode::kUnimplemented)
        << value;
  }
}

TEST(FramingTest, AllowsSixtyFourFields) {
  std::string lines;
  for (int i = 0; i < 63; ++i) lines += "X: y\r\n";
  EXPECT_GT(MustParse(Head(lines)).size, 0U);
  EXPECT_EQ(CodeOf(Head(lines + "X: y\r\n")),
            absl::StatusCode::kInvalidArgument);
}

TEST(FramingTest, AllowsEightKibibytesOfFields) {
  const std::string host = "Host: relay.example\r\n";
  const std::string name = "X: ";
  const std::string fill(kHeaderBytesMax - host.size() - name.size() - 2, 'y');
  const std::string bytes = Head(name + fill + "\r\n");
  EXPECT_EQ(MustParse(bytes).size, bytes.size());
  // Not before it is sure.
  EXPECT_TRUE(ParseHead(bytes.substr(0, bytes.size() - 1)).ok());
  EXPECT_EQ(CodeOf(Head(name + fill + "y\r\n")),
            absl::StatusCode::kInvalidArgument);
  // As soon as it is sure.
  EXPECT_EQ(
      CodeOf("POST / HTTP/1.1\r\n" + std::string(kHeaderBytesMax + 2, 'y')),
      absl::StatusCode::kInvalidArgument);
}

TEST(FramingTest, LimitsTheRequestLine) {
  const std::string target = "/" + std::string(kRequestLineBytesMax - 15, 'y');
  EXPECT_EQ(MustParse(Head("", "POST " + target + " HTTP/1.1")).target, target);
  EXPECT_EQ(CodeOf(Head("", "POST " + target + "y HTTP/1.1")),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("POST /" + std::string(kRequestLineBytesMax, 'y')),
            absl::StatusCode::kInvalidArgument);
}

TEST(FramingTest, TheLongestHeadIsWithinItsLimit) {
  const std::string line =
      "POST /" + std::string(kRequestLineBytesMax - 15, 'y') + " HTTP/1.1";
  const std::string host = "Host: relay.example\r\n";
  const std::string bytes =
      "\r\n" +
      Head("X: " + std::string(kHeaderBytesMax - host.size() - 5, 'y') + "\r\n",
           line);
  EXPECT_EQ(bytes.size(), kHeadBytesMax);
  EXPECT_EQ(MustParse(bytes).size, kHeadBytesMax);
}

TEST(FramingTest, RepeatsNothingOfTheRequest) {
  for (const std::string& bytes : std::vector<std::string>{
           Head("Authorization: Bearer SECRET\x01\r\n"),
           "POST /webhooks/signplus/SECRET HTTP/1.1\r\n\r\n",
           "POST /webhooks/signplus/SECRET HTTP/3\r\n",
           Head("SECRET\r\n"),
       }) {
    const absl::Status status = ParseHead(bytes).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("SECRET")));
  }
}

}  // namespace
}  // namespace enveloperelay
