#include "client/envelopectl/forward.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/webhook/http_post.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::Optional;

// 2026-07-17T08:00:00Z
const absl::Time kNow = absl::FromUnixSeconds(1'784'275'200);

v1::AckAction ActionOf(unsigned status) {
  return HandledOf(
             {.status = status, .reason = "", .retry_after = "", .body = ""},
             kNow)
      .action();
}

TEST(HandledOfTest, TakesEachStatusForWhatItSays) {
  for (const unsigned status : {200U, 201U, 202U, 204U, 299U}) {
    EXPECT_EQ(ActionOf(status), v1::ACK_ACTION_DONE) << status;
  }
  for (const unsigned status :
       {408U, 425U, 429U, 500U, 502U, 503U, 504U, 599U, 301U, 308U}) {
    EXPECT_EQ(ActionOf(status), v1::ACK_ACTION_RETRY) << status;
  }
  for (const unsigned status : {400U, 401U, 404U, 409U, 410U, 422U, 499U}) {
    EXPECT_EQ(ActionOf(status), v1::ACK_ACTION_DEAD_LETTER) << status;
  }
}

TEST(HandledOfTest, GivesTheStatusAsTheReason) {
  EXPECT_EQ(HandledOf({.status = 422,
                       .reason = "Unprocessable Entity",
                       .retry_after = "",
                       .body = ""},
                      kNow)
                .reason(),
            "HTTP 422 Unprocessable Entity");
  EXPECT_EQ(
      HandledOf({.status = 503, .reason = "", .retry_after = "", .body = ""},
                kNow)
          .reason(),
      "HTTP 503");
}

TEST(HandledOfTest, RetriesWhenTheEndpointWantsIt) {
  EXPECT_THAT(
      HandledOf({.status = 429, .reason = "", .retry_after = "7", .body = ""},
                kNow)
          .delay(),
      Optional(absl::Seconds(7)));
  EXPECT_EQ(
      HandledOf({.status = 429, .reason = "", .retry_after = "", .body = ""},
                kNow)
          .delay(),
      std::nullopt);
}

TEST(RetryAfterTest, ReadsSecondsAndDates) {
  EXPECT_THAT(ParseRetryAfter("120", kNow), Optional(absl::Seconds(120)));
  EXPECT_THAT(ParseRetryAfter("Fri, 17 Jul 2026 08:01:00 GMT", kNow),
              Optional(absl::Seconds(60)));
}

TEST(RetryAfterTest, KeepsWithinADay) {
  EXPECT_THAT(ParseRetryAfter("Fri, 17 Jul 2026 07:00:00 GMT", kNow),
              Optional(absl::ZeroDuration()));
  EXPECT_THAT(ParseRetryAfter("4000000000", kNow), Optional(absl::Hours(24)));
}

TEST(RetryAfterTest, TakesNothingElse) {
  for (const char* const text : {"", "-1", "soon", "1.5", "2026-07-17"}) {
    EXPECT_EQ(ParseRetryAfter(text, kNow), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace enveloperelay::client
