#include "server/grpc/calls.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/registry.h"
#include "server/access/method.h"
#include "server/grpc/call_guard.h"
#include "server/stream/errors.h"
#include "tests/support/status_details.h"

namespace enveloperelay {
namespace {

using Kind = Calls::Kind;

struct FakeCall final : Drainable {
  void Drain() override { ++drains; }
  void End(const absl::Status& status) override { ended = status; }
  int drains = 0;
  absl::Status ended;
};

std::shared_ptr<FakeCall> NewCall() { return std::make_shared<FakeCall>(); }

class CallsTest : public ::testing::Test {
 protected:
  prometheus::Registry registry_;
};

TEST_F(CallsTest, LetsInSoManyStreamsAndNoMore) {
  Calls calls({.streams_max = 2}, registry_);
  const auto first = NewCall();
  ASSERT_TRUE(calls.Enter(first, Kind::kStream, 0, {}).ok());
  ASSERT_TRUE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
  const absl::Status refused = calls.Enter(NewCall(), Kind::kStream, 0, {});
  EXPECT_EQ(ReasonOf(refused), "STREAM_LIMIT");
  EXPECT_GT(testing::ReadDetails(ToGrpcStatus(refused)).retry_delay,
            absl::ZeroDuration());
  calls.Leave(first.get());
  EXPECT_TRUE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
}

CallRight RightOf(const std::string& principal) {
  return {.caller = {.principal = principal, .token_hash = {}},
          .method = Method::kSubscribe};
}

TEST_F(CallsTest, LetsInSoManyStreamsOfOneCaller) {
  Calls calls({.streams_max = 10, .streams_per_caller_max = 1}, registry_);
  const auto first = NewCall();
  ASSERT_TRUE(
      calls.Enter(first, Kind::kStream, 0, RightOf("token:billing")).ok());
  EXPECT_EQ(ReasonOf(calls.Enter(NewCall(), Kind::kStream, 0,
                                 RightOf("token:billing"))),
            "STREAM_LIMIT");
  EXPECT_TRUE(
      calls.Enter(NewCall(), Kind::kStream, 0, RightOf("token:ops")).ok());
  // Reads count apart, and those that manage do not.
  EXPECT_TRUE(
      calls.Enter(NewCall(), Kind::kRead, 0, RightOf("token:billing")).ok());
  EXPECT_EQ(ReasonOf(calls.Enter(NewCall(), Kind::kRead, 0,
                                 RightOf("token:billing"))),
            "STREAM_LIMIT");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        calls.Enter(NewCall(), Kind::kManage, 0, RightOf("token:billing"))
            .ok());
  }
  calls.Leave(first.get());
  EXPECT_TRUE(
      calls.Enter(NewCall(), Kind::kStream, 0, RightOf("token:billing")).ok());
}

TEST_F(CallsTest, TheAnonymousAreManyCallers) {
  Calls calls({.streams_max = 10, .streams_per_caller_max = 1}, registry_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        calls.Enter(NewCall(), Kind::kStream, 0, RightOf("anonymous")).ok());
  }
}

TEST_F(CallsTest, EndsThoseWhoseRightIsGone) {
  Calls calls({}, registry_);
  const auto billing = NewCall();
  const auto ops = NewCall();
  ASSERT_TRUE(
      calls.Enter(billing, Kind::kStream, 0, RightOf("token:billing")).ok());
  ASSERT_TRUE(calls.Enter(ops, Kind::kStream, 0, RightOf("token:ops")).ok());
  calls.EndUnless([](const CallRight& right) {
    return right.caller.principal == "token:ops"
               ? absl::OkStatus()
               : AccessDeniedError("withdrawn");
  });
  EXPECT_EQ(ReasonOf(billing->ended), "ACCESS_DENIED");
  EXPECT_TRUE(ops->ended.ok());
}

TEST_F(CallsTest, CountsUnaryCallsApart) {
  Calls calls({.streams_max = 1, .unary_calls_max = 1}, registry_);
  ASSERT_TRUE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
  ASSERT_TRUE(calls.Enter(NewCall(), Kind::kRead, 0, {}).ok());
  EXPECT_EQ(ReasonOf(calls.Enter(NewCall(), Kind::kRead, 0, {})),
            "STREAM_LIMIT");
}

TEST_F(CallsTest, BoundsTheMemoryOfAllFilters) {
  Calls calls({.filter_bytes_max = 100}, registry_);
  const auto first = NewCall();
  ASSERT_TRUE(calls.Enter(first, Kind::kStream, 60, {}).ok());
  EXPECT_EQ(ReasonOf(calls.Enter(NewCall(), Kind::kRead, 41, {})),
            "STREAM_LIMIT");
  EXPECT_TRUE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
  calls.Leave(first.get());
  EXPECT_TRUE(calls.Enter(NewCall(), Kind::kRead, 41, {}).ok());
}

TEST_F(CallsTest, ALeaverIsCountedOnce) {
  Calls calls({.streams_max = 1}, registry_);
  const auto call = NewCall();
  ASSERT_TRUE(calls.Enter(call, Kind::kStream, 0, {}).ok());
  calls.Leave(call.get());
  calls.Leave(call.get());
  ASSERT_TRUE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
  EXPECT_FALSE(calls.Enter(NewCall(), Kind::kStream, 0, {}).ok());
}

TEST_F(CallsTest, DrainingEndsAllAndLetsNobodyIn) {
  Calls calls({}, registry_);
  const auto stream = NewCall();
  const auto unary = NewCall();
  ASSERT_TRUE(calls.Enter(stream, Kind::kStream, 0, {}).ok());
  ASSERT_TRUE(calls.Enter(unary, Kind::kRead, 0, {}).ok());
  EXPECT_FALSE(calls.draining());
  calls.Drain();
  EXPECT_TRUE(calls.draining());
  EXPECT_EQ(stream->drains, 1);
  EXPECT_EQ(unary->drains, 1);
  EXPECT_EQ(ReasonOf(calls.Enter(NewCall(), Kind::kStream, 0, {})),
            "SERVER_UNAVAILABLE");
}

TEST_F(CallsTest, KnowsWhetherAllHaveLeft) {
  Calls calls({}, registry_);
  const auto call = NewCall();
  ASSERT_TRUE(calls.Enter(call, Kind::kStream, 0, {}).ok());
  const auto now = std::chrono::steady_clock::now();
  EXPECT_FALSE(calls.WaitUntilEmpty(now));
  calls.Leave(call.get());
  EXPECT_TRUE(calls.WaitUntilEmpty(now));
}

}  // namespace
}  // namespace enveloperelay
