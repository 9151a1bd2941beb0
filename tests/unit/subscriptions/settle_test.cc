// What a worker says of its events, and what the relay answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/log/sequence.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"
#include "tests/unit/subscriptions/dispatcher_fixture.h"

namespace enveloperelay {
namespace {

using testing::Delivered;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SettleTest : public testing::DispatcherTest {};

TEST_F(SettleTest, TheRestOfALeaseIsNotWhatItHasGivenBack) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Settle(first, v1::ACK_ACTION_RETRY, {1}, absl::ZeroDuration());
  const Delivered second = Take(worker);
  EXPECT_THAT(second.sequences, ElementsAre(1));
  EXPECT_EQ(Done(first), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().outstanding, 1);
}

TEST_F(SettleTest, TheRestOfALeaseIsNotWhatALaterOneHasGivenBack) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Settle(first, v1::ACK_ACTION_RETRY, {1}, absl::ZeroDuration());
  Settle(Take(worker), v1::ACK_ACTION_RETRY, {}, absl::Seconds(5));
  EXPECT_EQ(Done(first), v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(dispatcher().Counters().retrying, 1);
  EXPECT_EQ(dispatcher().Counters().outstanding, 0);
}

TEST_F(SettleTest, WhoGaveAnEventBackIsKnownAfterARestart) {
  Append({"a", "b"});
  const Delivered first = Take(Join("w"));
  Settle(first, v1::ACK_ACTION_RELEASE, {1});
  Take(Join("v"));
  Restart();
  EXPECT_EQ(Done(first), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().outstanding, 1);
}

TEST_F(SettleTest, ARetryThatIsSaidAgainIsOkAlsoAfterItsRedelivery) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_RETRY, {1}, absl::ZeroDuration()),
            v1::SETTLEMENT_STATUS_OK);
  Take(worker);
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_RETRY, {1}, absl::ZeroDuration()),
            v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().outstanding, 1);
}

TEST_F(SettleTest, DoneTwiceIsOk) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
  Restart();
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
}

TEST_F(SettleTest, DeadLetterTwiceIsOk) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_DEAD_LETTER),
            v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_DEAD_LETTER),
            v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
}

TEST_F(SettleTest, DoneAfterTheDeadlineIsLateAndApplied) {
  Append({"a", "b"});
  const Delivered delivered = Take(Join("w"));
  clock_.Advance(kAckDeadline);
  EXPECT_EQ(Done(delivered, {1}), v1::SETTLEMENT_STATUS_LATE);
  EXPECT_EQ(dispatcher().Counters().retrying, 1);
  // Another worker has got it.
  EXPECT_THAT(Take(Join("v")).sequences, ElementsAre(2));
  EXPECT_EQ(Done(delivered, {2}), v1::SETTLEMENT_STATUS_LATE);
  EXPECT_EQ(dispatcher().Counters().outstanding, 0);
}

TEST_F(SettleTest, WhatIsSaidOtherwiseAfterTheDeadlineIsLost) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  clock_.Advance(kAckDeadline);
  for (const v1::AckAction action :
       {v1::ACK_ACTION_RETRY, v1::ACK_ACTION_DEAD_LETTER, v1::ACK_ACTION_EXTEND,
        v1::ACK_ACTION_RELEASE}) {
    EXPECT_EQ(Settle(delivered, action), v1::SETTLEMENT_STATUS_LEASE_LOST);
  }
  EXPECT_EQ(dispatcher().Counters().retrying, 1);
}

TEST_F(SettleTest, AnUnknownLeaseOrEventIsLost) {
  Append({"a", "b"});
  Delivered delivered = Take(Join("w", 1000, 1));
  EXPECT_EQ(Done(delivered, {2}), v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(Done(delivered, {1, 2}), v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(dispatcher().Counters().outstanding, 0);
  delivered.id = "none such";
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_LEASE_LOST);
}

TEST_F(SettleTest, OneBadEntryDoesNotFailTheOthers) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  std::vector<v1::Settlement> settlements(2);
  settlements[0].set_delivery_id("none such");
  settlements[0].set_action(v1::ACK_ACTION_DONE);
  settlements[1].set_delivery_id(delivered.id);
  settlements[1].set_action(v1::ACK_ACTION_DONE);
  EXPECT_EQ(SettleAs(settlements[0]), v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(SettleAs(settlements[1]), v1::SETTLEMENT_STATUS_OK);
}

TEST_F(SettleTest, WithoutSequencesTheRestIsMeant) {
  Append({"a", "b", "c"});
  const Delivered delivered = Take(Join("w"));
  Settle(delivered, v1::ACK_ACTION_RETRY, {2});
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().outstanding, 0);
  EXPECT_EQ(dispatcher().Counters().retrying, 1);
  // Named, it is settled.
  EXPECT_EQ(Done(delivered, {2}), v1::SETTLEMENT_STATUS_LATE);
  EXPECT_EQ(dispatcher().Counters().retrying, 0);
}

TEST_F(SettleTest, ARetryWaitsForItsDelayAndIsAnAttempt) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_RETRY, {}, absl::Seconds(7));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + absl::Seconds(7));
  clock_.Advance(absl::Seconds(7));
  EXPECT_THAT(Dispatch().at(0).attempts, ElementsAre(2));
}

TEST_F(SettleTest, ARetryWithoutADelayWaitsForTheBackoff) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_RETRY);
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  Settle(Take(worker), v1::ACK_ACTION_RETRY);
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + absl::Seconds(2));
}

TEST_F(SettleTest, AReleaseIsNoAttempt) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  for (int i = 0; i < 5; ++i) {
    const Delivered delivered = Take(worker);
    EXPECT_THAT(delivered.attempts, ElementsAre(1));
    EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_RELEASE),
              v1::SETTLEMENT_STATUS_OK);
  }
}

TEST_F(SettleTest, AnExtensionOfAPartLeavesTheRestItsDeadline) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_EXTEND, {2}),
            v1::SETTLEMENT_STATUS_OK);
  clock_.Advance(absl::Seconds(20));
  const Delivered first = Take(worker);
  EXPECT_THAT(first.sequences, ElementsAre(1));
  Done(first);
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(2));
}

TEST_F(SettleTest, AnExtensionIsKeptWithinTheBoundsOfADeadline) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  Settle(delivered, v1::ACK_ACTION_EXTEND, {}, absl::ZeroDuration());
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + kAckDeadlineMin);
  Settle(delivered, v1::ACK_ACTION_EXTEND, {}, absl::Hours(1));
  clock_.Advance(kAckDeadlineMin);
  Dispatch();
  EXPECT_EQ(dispatcher().NextDue(),
            clock_.Now() - kAckDeadlineMin + kAckDeadlineMax);
}

TEST_F(SettleTest, AnExtensionIsKnownAfterARestart) {
  Append({"a", "b"});
  const Delivered delivered = Take(Join("w"));
  Settle(delivered, v1::ACK_ACTION_EXTEND, {2}, absl::Seconds(300));
  Restart();
  clock_.Advance(kAckDeadline);
  EXPECT_THAT(Take(Join("v")).sequences, ElementsAre(1));
  EXPECT_EQ(dispatcher().Counters().outstanding, 2);
}

TEST_F(SettleTest, TheWorkerOfAnotherConnectionMaySettle) {
  Append({"a"});
  const WorkerKey gone = Join("gone");
  const Delivered delivered = Take(gone);
  dispatcher().Leave(gone);
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
}

TEST_F(SettleTest, WhatIsSaidOfAllLeavesOutWhatIsSettled) {
  Append({"a", "b", "c"});
  const Delivered delivered = Take(Join("w"));
  Done(delivered, {1});
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_EXTEND), v1::SETTLEMENT_STATUS_OK);
  clock_.Advance(absl::Seconds(20));
  Done(delivered, {2});
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_RETRY), v1::SETTLEMENT_STATUS_OK);
  Done(Take(Join("v")));
  clock_.Advance(kMaxBackoff);
  Done(Dispatch().at(0));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_EXTEND),
            v1::SETTLEMENT_STATUS_LEASE_LOST);
}

TEST_F(SettleTest, TheRetryOfALastAttemptMayBeSaidTwice) {
  proto_.set_max_attempts(1);
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_RETRY), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_RETRY), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
}

TEST_F(SettleTest, ALeaseThatWasNeverGivenIsLost) {
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  const std::string forged = EncodeLeaseId({.epoch = delivered.epoch,
                                            .number = delivered.lease + 1,
                                            .events = {Sequence{1}}});
  v1::Settlement settlement;
  settlement.set_delivery_id(forged);
  settlement.set_action(v1::ACK_ACTION_DONE);
  EXPECT_EQ(SettleAs(settlement), v1::SETTLEMENT_STATUS_LEASE_LOST);
}

}  // namespace
}  // namespace enveloperelay
