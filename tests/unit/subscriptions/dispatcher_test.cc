#include "server/subscriptions/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/log/sequence.h"
#include "server/subscriptions/leases.h"
#include "tests/unit/subscriptions/dispatcher_fixture.h"

namespace enveloperelay {
namespace {

using testing::Delivered;
using testing::DispatcherTest;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(DispatcherTest, AWorkerGetsWhatStandsInTheLog) {
  Append({"a", "b", "c"});
  const Delivered delivered = Take(Join("w"));
  EXPECT_THAT(delivered.sequences, ElementsAre(1, 2, 3));
  EXPECT_THAT(delivered.delivery.attempts(), IsEmpty());
  EXPECT_EQ(dispatcher().Counters().outstanding, 3);
}

TEST_F(DispatcherTest, AWorkerThatHasLeftTakesNoShareOfTheNextHandout) {
  const WorkerKey gone = Join("gone");
  dispatcher().SetReady(gone);
  Dispatch();
  dispatcher().Leave(gone);
  const WorkerKey superseded = Join("w");
  dispatcher().SetReady(superseded);
  Dispatch();
  const WorkerKey worker = Join("w");
  Append({"a", "b", "c", "d"});
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1, 2, 3, 4));
}

TEST_F(DispatcherTest, ASeekBeforeRetentionGoesOnAtTheOldestEvent) {
  Append({"a", "b", "c"});
  const WorkerKey worker = Join("w");
  EXPECT_EQ(Done(Take(worker)), v1::SETTLEMENT_STATUS_OK);
  log_.SetEarliest(Sequence{3});
  log_.ForgetRecent();
  Dispatch();
  SeekTo({});
  const Delivered delivered = Take(worker);
  EXPECT_THAT(delivered.sequences, ElementsAre(3));
  ASSERT_TRUE(delivered.gap.has_value());
  EXPECT_EQ(delivered.gap->lost_events(), 2);
  EXPECT_EQ(delivered.gap->next_sequence(), 3);
}

TEST_F(DispatcherTest, RetentionLosesWhatWaits) {
  const WorkerKey worker = Join("w");
  for (int i = 0; i < 40; ++i) Append({"a", "b", "c", "d", "e"});
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Update();
  const Delivered delivered = Take(worker);
  EXPECT_THAT(delivered.sequences, SizeIs(200));
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_RETRY), v1::SETTLEMENT_STATUS_OK);
  log_.SetEarliest(Sequence{150});
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().retrying, 51);
  EXPECT_EQ(dispatcher().Counters().lost_events, 149);
}

TEST_F(DispatcherTest, AnEventOfAKilledWorkerIsDeliveredAgainAfterTheDeadline) {
  Append({"a"});
  const WorkerKey killed = Join("killed");
  const Delivered first = Take(killed);
  EXPECT_EQ(first.delivery.ack_deadline().seconds(),
            absl::ToUnixSeconds(clock_.Now() + kAckDeadline));
  dispatcher().Leave(killed);
  const WorkerKey other = Join("other");
  EXPECT_THAT(Take(other).sequences, IsEmpty());
  EXPECT_EQ(dispatcher().NextDue(), clock_.Now() + kAckDeadline);
  clock_.Advance(kAckDeadline - absl::Microseconds(1));
  EXPECT_THAT(Dispatch(), IsEmpty());
  clock_.Advance(absl::Microseconds(1));
  const std::vector<Delivered> again = Dispatch();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].worker, other);
  EXPECT_THAT(again[0].sequences, ElementsAre(1));
  EXPECT_THAT(again[0].delivery.attempts(), ElementsAre(2));
}

TEST_F(DispatcherTest, AWorkerThatReturnsGetsItsEventsAtOnce) {
  Append({"a", "b"});
  const WorkerKey killed = Join("w");
  Take(killed);
  dispatcher().Leave(killed);
  const Delivered again = Take(Join("w"));
  EXPECT_THAT(again.sequences, ElementsAre(1, 2));
  EXPECT_THAT(again.attempts, ElementsAre(2, 2));
}

TEST_F(DispatcherTest, AWorkerThatJoinsSupersedesTheOlderOneOfItsName) {
  const WorkerKey older = Join("w");
  const Dispatcher::Joined joined =
      dispatcher().Join({.worker_id = "w", .peer = "192.0.2.2:2"});
  EXPECT_EQ(joined.superseded, older);
  EXPECT_THAT(dispatcher().Workers(), SizeIs(1));
  EXPECT_EQ(dispatcher().Join({.worker_id = "v", .peer = ""}).superseded,
            std::nullopt);
}

TEST_F(DispatcherTest, WorkersAreListedInTheOrderInWhichTheyJoined) {
  Append({"a", "b"});
  Join("z");
  Take(Join("a"));
  const std::vector<v1::Worker> workers = dispatcher().Workers();
  ASSERT_THAT(workers, SizeIs(2));
  EXPECT_EQ(workers[0].worker_id(), "z");
  EXPECT_EQ(workers[0].outstanding(), 0);
  EXPECT_EQ(workers[1].worker_id(), "a");
  EXPECT_EQ(workers[1].peer(), "192.0.2.1:1");
  EXPECT_EQ(workers[1].outstanding(), 2);
  EXPECT_EQ(workers[1].connect_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(DispatcherTest, ItIsUnusedSinceItsLastWorkerHasLeft) {
  EXPECT_EQ(dispatcher().unused_since(), clock_.Now());
  const WorkerKey worker = Join("w");
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(dispatcher().has_workers());
  dispatcher().Leave(worker);
  EXPECT_FALSE(dispatcher().has_workers());
  EXPECT_EQ(dispatcher().unused_since(), clock_.Now());
  Commit();
  Restart();
  EXPECT_EQ(dispatcher().unused_since(), clock_.Now());
}

TEST_F(DispatcherTest, AFewEventsAreSpreadOverTheWorkersThatWait) {
  for (const char* worker_id : {"u", "v", "w"}) {
    dispatcher().SetReady(Join(worker_id));
  }
  Append({"a", "b", "c", "d", "e", "f", "g"});
  const std::vector<Delivered> all = Dispatch();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_THAT(all[0].sequences, ElementsAre(1, 2, 3));
  EXPECT_THAT(all[1].sequences, ElementsAre(4, 5));
  EXPECT_THAT(all[2].sequences, ElementsAre(6, 7));
}

TEST_F(DispatcherTest, AWorkerGetsNoMoreThanItMayHave) {
  Append({"a", "b", "c", "d", "e"});
  const WorkerKey worker = Join("w", /*outstanding_max=*/3, /*events_max=*/2);
  const Delivered first = Take(worker);
  EXPECT_THAT(first.sequences, ElementsAre(1, 2));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(first, {2});
  const std::vector<Delivered> next = Dispatch();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_THAT(next[0].sequences, ElementsAre(4));
}

TEST_F(DispatcherTest, NothingNewIsDispatchedBeyondTheLimit) {
  limits_.unsettled_max = 2;
  Append({"a", "b", "c"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  EXPECT_THAT(first.sequences, ElementsAre(1, 2));
  // What waits counts, and may be delivered again.
  Settle(first, v1::ACK_ACTION_RELEASE, {1});
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(first, {2});
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(3));
}

TEST_F(DispatcherTest, TheFilterSaysWhichEventsAreDelivered) {
  proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Append({"a"});
  Append({"b"}, v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Append({"c"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  EXPECT_THAT(delivered.sequences, ElementsAre(2));
  Done(delivered);
  EXPECT_EQ(dispatcher().Counters().backlog, 0);
}

TEST_F(DispatcherTest, AChangedFilterAppliesToWhatWasNotDeliveredYet) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w", 1000, /*events_max=*/1);
  const Delivered first = Take(worker);
  proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Update();
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Settle(first, v1::ACK_ACTION_RELEASE);
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(1));
}

TEST_F(DispatcherTest, WhatTheFilterLeavesOutIsPassedOverWithoutAWorker) {
  proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Append({"a", "b", "c"});
  Dispatch();
  EXPECT_EQ(dispatcher().position(), Sequence{3});
  EXPECT_EQ(dispatcher().Counters().backlog, 0);
  EXPECT_TRUE(dispatcher().waits_for_growth());
}

TEST_F(DispatcherTest, WhilePausedNothingIsDelivered) {
  proto_.set_paused(true);
  Append({"a"});
  const WorkerKey worker = Join("w");
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  proto_.set_paused(false);
  Update();
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(1));
}

TEST_F(DispatcherTest, AnEventBeforeTheStartTimeIsPassedOver) {
  Create(
      {.position = {},
       .begin_micros = absl::ToUnixMicros(clock_.Now() + absl::Seconds(10))});
  Append({"a"});
  clock_.Advance(absl::Seconds(10));
  Append({"b"});
  EXPECT_THAT(Take(Join("w")).sequences, ElementsAre(2));
}

TEST_F(DispatcherTest, ASeekRevokesLeasesAndMovesThePosition) {
  Append({"a", "b", "c"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  SeekTo({.position = Sequence{1}});
  EXPECT_EQ(dispatcher().Counters().outstanding, 0);
  EXPECT_EQ(Done(first), v1::SETTLEMENT_STATUS_LEASE_LOST);
  const Delivered again = Take(worker);
  EXPECT_THAT(again.sequences, ElementsAre(2, 3));
  EXPECT_THAT(again.attempts, ElementsAre(1, 1));
  EXPECT_EQ(StateKeys(), 2);  // the head and a lease
}

TEST_F(DispatcherTest, OvertakenByRetentionItGoesOnAtTheOldestEvent) {
  dispatcher();
  Append({"a", "b", "c", "d"});
  log_.SetEarliest(Sequence{4});
  log_.ForgetRecent();
  const WorkerKey worker = Join("w", 1000, 1);
  const Delivered delivered = Take(worker);
  EXPECT_THAT(delivered.sequences, ElementsAre(4));
  ASSERT_TRUE(delivered.gap.has_value());
  EXPECT_EQ(delivered.gap->lost_events(), 3);
  EXPECT_EQ(delivered.gap->next_sequence(), 4);
  EXPECT_EQ(dispatcher().Counters().lost_events, 3);
  // It is told once.
  Append({"e"});
  EXPECT_FALSE(Take(worker).gap.has_value());
}

TEST_F(DispatcherTest, WhatIsInALeaseIsNotLostBeforeItComesBack) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  log_.SetEarliest(Sequence{3});
  Dispatch();
  EXPECT_EQ(Done(delivered, {1}), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().lost_events, 0);
  Settle(delivered, v1::ACK_ACTION_RETRY, {2});
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().lost_events, 1);
  EXPECT_EQ(dispatcher().Counters().retrying, 0);
}

TEST_F(DispatcherTest, CountersSayWhatIsUnsettled) {
  const absl::Time start = clock_.Now();
  Append({"a", "b"});
  clock_.Advance(absl::Seconds(1));
  Append({"c", "d"});
  const Delivered delivered = Take(Join("w"));
  Settle(delivered, v1::ACK_ACTION_RETRY, {2});
  Done(delivered, {1});
  SubscriptionCounters counters = dispatcher().Counters();
  EXPECT_EQ(counters.cursor, Sequence{1});
  EXPECT_EQ(counters.backlog, 3);
  EXPECT_EQ(counters.outstanding, 2);
  EXPECT_EQ(counters.retrying, 1);
  EXPECT_EQ(counters.oldest_unsettled_time, start);
  Done(delivered);
  Settle(delivered, v1::ACK_ACTION_DONE, {2});
  counters = dispatcher().Counters();
  EXPECT_EQ(counters.cursor, Sequence{4});
  EXPECT_EQ(counters.backlog, 0);
  EXPECT_EQ(counters.oldest_unsettled_time, absl::InfiniteFuture());
}

TEST_F(DispatcherTest, TheOldestUnsettledEventMayNotHaveBeenDispatched) {
  Append({"a"});
  const absl::Time received = clock_.Now();
  clock_.Advance(absl::Seconds(9));
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().oldest_unsettled_time, received);
}

TEST_F(DispatcherTest, ADeadLetterPutBackCountsForNothingThatRetentionTakes) {
  Append({"a", "b"});
  clock_.Advance(absl::Seconds(1));
  const absl::Time received = clock_.Now();
  Append({"c"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  Settle(delivered, v1::ACK_ACTION_DEAD_LETTER, {1});
  Done(delivered, {2});
  log_.SetEarliest(Sequence{3});
  ASSERT_EQ(Replay(), 1);
  // Waiting, and in a worker's hands.
  for (int i = 0; i < 2; ++i) {
    const SubscriptionCounters counters = dispatcher().Counters();
    EXPECT_EQ(counters.cursor, Sequence{0});
    EXPECT_EQ(counters.backlog, 1);
    EXPECT_EQ(counters.oldest_in_log, Sequence{3});
    EXPECT_EQ(counters.oldest_in_log_time, received);
    EXPECT_EQ(counters.oldest_unsettled_time, received - absl::Seconds(1));
    Take(worker);
  }
}

TEST_F(DispatcherTest, WhatCannotBeReadIsNotTakenForSettled) {
  Append({"a", "b"});
  log_.Damage(Sequence{1});
  EXPECT_FALSE(dispatcher().Dispatch().ok());
  EXPECT_EQ(dispatcher().Counters().oldest_unsettled_time,
            absl::InfinitePast());
  // Also when a worker comes upon it first.
  SeekTo({.position = Sequence{1}});
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().oldest_unsettled_time, clock_.Now());
  SeekTo({});
  dispatcher().SetReady(Join("w"));
  EXPECT_FALSE(dispatcher().Dispatch().ok());
  EXPECT_EQ(dispatcher().Counters().oldest_unsettled_time,
            absl::InfinitePast());
}

TEST_F(DispatcherTest, AHandoutThatWasNotSentIsNoAttempt) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  TakeBack(Take(worker));
  const Delivered again = Take(worker);
  EXPECT_THAT(again.sequences, ElementsAre(1));
  EXPECT_THAT(again.attempts, ElementsAre(1));
}

TEST_F(DispatcherTest, ALeaseThatRanOutUnsentIsNoAttempt) {
  proto_.set_max_attempts(1);
  sends_ = false;
  Append({"a"});
  const WorkerKey worker = Join("w");
  Take(worker);
  clock_.Advance(kAckDeadline);
  EXPECT_THAT(Take(worker).attempts, ElementsAre(1));
  // Nor is one that its worker's return takes over.
  const WorkerKey again = Join("w");
  EXPECT_THAT(Take(again).attempts, ElementsAre(1));
  EXPECT_EQ(dispatcher().Counters().dead_letters, 0);
}

TEST_F(DispatcherTest, AHandoutWhoseLeaseIsOverIsNotToBeSent) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  dispatcher().SetReady(worker);
  const auto handouts = dispatcher().Dispatch();
  ASSERT_TRUE(handouts.ok());
  ASSERT_EQ(handouts->size(), 1);
  EXPECT_TRUE(dispatcher().MarkSent(handouts->front()));
  clock_.Advance(kAckDeadline);
  Dispatch();
  EXPECT_FALSE(dispatcher().MarkSent(handouts->front()));
}

TEST_F(DispatcherTest, AHandoutFromBeforeASeekIsNotToBeSent) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  dispatcher().SetReady(worker);
  const auto handouts = dispatcher().Dispatch();
  ASSERT_TRUE(handouts.ok());
  ASSERT_EQ(handouts->size(), 1);
  SeekTo({});
  EXPECT_FALSE(dispatcher().MarkSent(handouts->front()));
}

TEST_F(DispatcherTest, CountersAreTrueWithoutADispatch) {
  Append({"a", "b"});
  const absl::Time received = clock_.Now();
  dispatcher().Refresh();
  EXPECT_EQ(dispatcher().Counters().oldest_unsettled_time, received);
  log_.SetEarliest(Sequence{2});
  dispatcher().Refresh();
  EXPECT_EQ(dispatcher().Counters().lost_events, 1);
  EXPECT_EQ(dispatcher().Counters().backlog, 1);
}

TEST_F(DispatcherTest, AGapThatWasNotSentIsToldWithTheNextHandout) {
  Append({"a", "b", "c"});
  const WorkerKey worker = Join("w");
  log_.SetEarliest(Sequence{3});
  const Delivered unsent = Take(worker);
  ASSERT_TRUE(unsent.gap.has_value());
  // Its lease may have run out by then.
  clock_.Advance(kAckDeadline);
  Dispatch();
  TakeBack(unsent);
  Append({"d"});
  const Delivered next = Take(worker);
  ASSERT_TRUE(next.gap.has_value());
  EXPECT_EQ(next.gap->lost_events(), 2);
  EXPECT_EQ(next.gap->next_sequence(), 3);
}

TEST_F(DispatcherTest, OneThatIsStuckCostsAFewKeysWhateverPasses) {
  const WorkerKey worker = Join("w");
  Append({"stuck"});
  Take(worker);
  for (int i = 0; i < 100; ++i) {
    Append({"stuck", "a", "b", "c", "d", "e", "f", "g", "h", "i"});
    Done(Take(worker));
  }
  EXPECT_EQ(dispatcher().Counters().cursor, Sequence{0});
  EXPECT_EQ(dispatcher().Counters().backlog, 1001);
  EXPECT_EQ(StateKeys(), 3);  // the head, a lease, a lane
}

TEST_F(DispatcherTest, AReadErrorServesNobodyAndChangesNothing) {
  Append({"a"});
  log_.ForgetRecent();
  const WorkerKey worker = Join("w");
  dispatcher().SetReady(worker);
  log_.SetReadError(absl::UnavailableError("the disk is gone"));
  EXPECT_TRUE(absl::IsUnavailable(dispatcher().Dispatch().status()));
  log_.SetReadError(absl::OkStatus());
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(1));
}

}  // namespace
}  // namespace enveloperelay
