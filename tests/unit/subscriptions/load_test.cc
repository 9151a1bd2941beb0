// A subscription after a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/state.h"
#include "tests/unit/subscriptions/dispatcher_fixture.h"

namespace enveloperelay {
namespace {

using testing::Delivered;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LoadTest : public testing::DispatcherTest {};

TEST_F(LoadTest, ALeaseLivesOnAndMayBeSettled) {
  Append({"a", "b"});
  const Delivered delivered = Take(Join("w"));
  Restart();
  EXPECT_EQ(dispatcher().Counters().outstanding, 2);
  EXPECT_EQ(Done(delivered, {1}), v1::SETTLEMENT_STATUS_OK);
  clock_.Advance(kAckDeadline);
  const Delivered again = Take(Join("v"));
  EXPECT_THAT(again.sequences, ElementsAre(2));
  EXPECT_THAT(again.attempts, ElementsAre(2));
}

TEST_F(LoadTest, AWorkerThatReturnsGetsItsEventsAtOnce) {
  Append({"a"});
  Take(Join("w"));
  Restart();
  EXPECT_THAT(Take(Join("w")).attempts, ElementsAre(2));
}

TEST_F(LoadTest, WhatWaitsKeepsItsTimeAndAttempts) {
  Append({"a"});
  Settle(Take(Join("w")), v1::ACK_ACTION_RETRY, {}, absl::Seconds(20));
  Restart();
  const WorkerKey worker = Join("w");
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + absl::Seconds(20));
  clock_.Advance(absl::Seconds(20));
  EXPECT_THAT(Dispatch().at(0).attempts, ElementsAre(2));
}

TEST_F(LoadTest, WhatWasSettledIsNotDeliveredAgain) {
  Append({"a", "b", "c"});
  const Delivered delivered = Take(Join("w"));
  Done(delivered, {2});
  Restart();
  EXPECT_THAT(Take(Join("w")).sequences, ElementsAre(1, 3));
}

TEST_F(LoadTest, ALeaseThatWasNotDurableNeverWas) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  dispatcher().SetReady(worker);
  ASSERT_EQ(dispatcher().Dispatch().value().size(), 1);
  Restart();
  EXPECT_THAT(Take(Join("v")).attempts, ElementsAre(1));
}

TEST_F(LoadTest, WhatHasLeftRetentionMeanwhileIsLost) {
  Append({"a", "b", "c"});
  const Delivered delivered = Take(Join("w"));
  Settle(delivered, v1::ACK_ACTION_RETRY, {2});
  log_.SetEarliest(Sequence{3});
  Restart();
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().lost_events, 2);
  EXPECT_EQ(dispatcher().Counters().outstanding, 1);
  EXPECT_EQ(dispatcher().Counters().retrying, 0);
  EXPECT_EQ(Done(delivered, {1}), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(StateKeys(), 2);  // the head and a lease
}

TEST_F(LoadTest, AGapIsToldAfterARestartIfItWasNotBefore) {
  dispatcher();
  Append({"a", "b"});
  log_.SetEarliest(Sequence{2});
  Dispatch();
  Restart();
  const Delivered delivered = Take(Join("w"));
  ASSERT_TRUE(delivered.gap.has_value());
  EXPECT_EQ(delivered.gap->lost_events(), 1);
}

TEST_F(LoadTest, WithoutItsHeadItCannotBeRead) {
  EXPECT_TRUE(absl::IsDataLoss(TryLoad()));
}

TEST_F(LoadTest, ADamagedEntryIsDataLoss) {
  for (const StateKind kind : {StateKind::kHead, StateKind::kLease,
                               StateKind::kWaiting, StateKind::kBlocked}) {
    dispatcher();
    const std::string key = kind == StateKind::kHead
                                ? StateKey(kind, "orders")
                                : StateKey(kind, "orders", 1);
    const std::string before =
        store_.Get(StateTable::kSubscriptions, key).value_or("");
    Put(key, "\xff");
    EXPECT_TRUE(absl::IsDataLoss(TryLoad())) << static_cast<char>(kind);
    Put(key, before.empty() ? std::nullopt : std::optional(before));
  }
}

TEST_F(LoadTest, AnErrorOfTheStoreIsTold) {
  dispatcher();
  store_.SetReadError(absl::UnavailableError("the disk is gone"));
  EXPECT_TRUE(absl::IsUnavailable(TryLoad()));
}

}  // namespace
}  // namespace enveloperelay
