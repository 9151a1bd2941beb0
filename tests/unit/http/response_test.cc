#include "server/http/response.h"

#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

// The example of RFC 9110, section 5.6.7.
constexpr char kDate[] = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(ResponseTest, DatesAreThoseOfHttp) {
  EXPECT_EQ(HttpDate(absl::FromUnixSeconds(784111777)), kDate);
}

TEST(ResponseTest, HasStatusFieldsAndBody) {
  std::string out = "before|";
  AppendResponse({.status = 405,
                  .content_type = "text/plain",
                  .body = "no",
                  .fields = "Allow: POST\r\n"},
                 {.date = kDate,
                  .traceparent = "00-1-2-00",
                  .connection = ConnectionField::kClose},
                 out);
  EXPECT_EQ(out,
            "before|HTTP/1.1 405 Method Not Allowed\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 2\r\n"
            "Connection: close\r\n"
            "traceparent: 00-1-2-00\r\n"
            "Allow: POST\r\n"
            "\r\n"
            "no");
}

TEST(ResponseTest, AnswersHeadWithTheLengthButWithoutTheBody) {
  std::string out;
  AppendResponse({.body = "{}"},
                 {.date = kDate,
                  .connection = ConnectionField::kKeepAlive,
                  .without_body = true},
                 out);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 2\r\n"
            "Connection: keep-alive\r\n"
            "\r\n");
}

}  // namespace
}  // namespace enveloperelay
