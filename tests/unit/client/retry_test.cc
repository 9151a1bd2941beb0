#include "client/retry.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/error_info.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/scripted_event_service.h"

namespace enveloperelay::client {
namespace {

using ::testing::ElementsAre;

TEST(BackoffTest, DoublesItsBoundUpToTheMax) {
  Backoff backoff(absl::Milliseconds(100), absl::Milliseconds(350));

  std::vector<absl::Duration> delays;
  delays.reserve(4);
  for (int i = 0; i < 4; ++i) delays.push_back(backoff.Next(0.5));

  EXPECT_THAT(delays,
              ElementsAre(absl::Milliseconds(50), absl::Milliseconds(100),
                          absl::Milliseconds(175), absl::Milliseconds(175)));
}

TEST(BackoffTest, DrawsFromZeroOn) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(10));

  EXPECT_EQ(backoff.Next(0), absl::ZeroDuration());
}

TEST(BackoffTest, BeginsAnewAfterAReset) {
  Backoff backoff(absl::Milliseconds(100), absl::Seconds(10));
  backoff.Next(0.5);
  backoff.Next(0.5);

  backoff.Reset();

  EXPECT_EQ(backoff.Next(0.5), absl::Milliseconds(50));
}

TEST(RetryMayMendTest, DoesNotFightOverAWorkerId) {
  const absl::Status superseded = FromGrpcStatus(
      testing::Refusal(grpc::StatusCode::ABORTED, "WORKER_SUPERSEDED"));

  EXPECT_FALSE(RetryMayMend(superseded, false));
  EXPECT_FALSE(RetryMayMend(superseded, true));
}

// What becomes of a status that a stream ended with.
struct RetryCase {
  absl::StatusCode code;
  // Retried when the relay says it, with ErrorInfo.
  bool from_relay;
  // Retried when it has no ErrorInfo, before and after a first response.
  bool unanswered;
  bool answered;
};

class EveryCodeTest : public ::testing::TestWithParam<RetryCase> {
 protected:
  static absl::Status Bare() { return absl::Status(GetParam().code, "broken"); }
  static absl::Status FromRelay() {
    return FromGrpcStatus(testing::Refusal(
        static_cast<grpc::StatusCode>(GetParam().code), "SOME_REASON"));
  }
};

TEST_P(EveryCodeTest, FollowsTheTable) {
  EXPECT_EQ(RetryMayMend(FromRelay(), false), GetParam().from_relay);
  EXPECT_EQ(RetryMayMend(FromRelay(), true), GetParam().from_relay);
  EXPECT_EQ(RetryMayMend(Bare(), false), GetParam().unanswered);
  EXPECT_EQ(RetryMayMend(Bare(), true), GetParam().answered);
}

INSTANTIATE_TEST_SUITE_P(
    RetryMayMendTest, EveryCodeTest,
    ::testing::Values(
        RetryCase{absl::StatusCode::kOk, true, true, true},
        RetryCase{absl::StatusCode::kCancelled, true, true, true},
        RetryCase{absl::StatusCode::kUnknown, true, true, true},
        RetryCase{absl::StatusCode::kInvalidArgument, false, true, true},
        RetryCase{absl::StatusCode::kDeadlineExceeded, true, true, true},
        RetryCase{absl::StatusCode::kNotFound, false, true, true},
        RetryCase{absl::StatusCode::kAlreadyExists, false, true, true},
        RetryCase{absl::StatusCode::kPermissionDenied, false, false, true},
        RetryCase{absl::StatusCode::kResourceExhausted, true, true, true},
        RetryCase{absl::StatusCode::kFailedPrecondition, false, true, true},
        RetryCase{absl::StatusCode::kAborted, true, true, true},
        RetryCase{absl::StatusCode::kOutOfRange, false, true, true},
        RetryCase{absl::StatusCode::kUnimplemented, false, false, true},
        RetryCase{absl::StatusCode::kInternal, true, true, true},
        RetryCase{absl::StatusCode::kUnavailable, true, true, true},
        RetryCase{absl::StatusCode::kDataLoss, false, true, true},
        RetryCase{absl::StatusCode::kUnauthenticated, false, false, true}),
    [](const ::testing::TestParamInfo<RetryCase>& test) {
      return "Code" + std::to_string(static_cast<int>(test.param.code));
    });

}  // namespace
}  // namespace enveloperelay::client
