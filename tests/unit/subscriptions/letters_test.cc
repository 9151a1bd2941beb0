// Dead letters: set aside, put back, deleted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/leases.h"
#include "tests/unit/subscriptions/dispatcher_fixture.h"

namespace enveloperelay {
namespace {

using testing::Delivered;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LettersTest : public testing::DispatcherTest {};

TEST_F(LettersTest, AnEventThatIsDeadLetteredAgainAfterASeekIsOneDeadLetter) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  SeekTo({});
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
}

TEST_F(LettersTest, ADeadLetterWhoseEventASeekHasBroughtBackIsOnlyRemoved) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  SeekTo({});
  const Delivered again = Take(worker);
  EXPECT_THAT(again.sequences, ElementsAre(1));
  EXPECT_EQ(Replay(), 1);
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  EXPECT_EQ(dispatcher().Counters().dead_letters, 0);
  EXPECT_EQ(dispatcher().Counters().retrying, 0);
  EXPECT_EQ(store_.entry_count(StateTable::kDeadLetters), 0);
}

TEST_F(LettersTest, APositionPassesOverWhatWasPutBackAndIsUnsettled) {
  Append({"a", "b", "c"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Settle(first, v1::ACK_ACTION_DEAD_LETTER, {2});
  SeekTo({});
  EXPECT_EQ(Replay(), 1);
  const Delivered again = Take(worker);
  EXPECT_THAT(again.sequences, ElementsAre(1, 2, 3));
  EXPECT_EQ(Done(again), v1::SETTLEMENT_STATUS_OK);
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
}

TEST_F(LettersTest, ADeadLetterSaysWhatAndWhyAndWho) {
  Append({"a"});
  v1::Settlement settlement;
  settlement.set_delivery_id(Take(Join("w")).id);
  settlement.set_action(v1::ACK_ACTION_DEAD_LETTER);
  settlement.set_reason("cannot be parsed");
  SettleAs(settlement);
  const auto stored = dispatcher().dead_letters().Get(Sequence{1});
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->letter().attempts(), 1);
  EXPECT_EQ(stored->letter().reason(), "cannot be parsed");
  EXPECT_EQ(stored->letter().worker_id(), "w");
  EXPECT_EQ(stored->letter().dead_letter_time().seconds(),
            absl::ToUnixSeconds(clock_.Now()));
  v1::EnvelopeEvent event;
  ASSERT_TRUE(event.ParseFromString(stored->event()));
  EXPECT_EQ(event.event_id(), "e1");
  EXPECT_EQ(event.sequence(), 1);
}

TEST_F(LettersTest, TheLastAttemptIsDeadLettered) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  for (int i = 0; i < 2; ++i) {
    Settle(Take(worker), v1::ACK_ACTION_RETRY, {}, absl::ZeroDuration());
  }
  const Delivered last = Take(worker);
  EXPECT_THAT(last.attempts, ElementsAre(3));
  clock_.Advance(kAckDeadline);
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
  EXPECT_EQ(dispatcher().Counters().backlog, 0);
  const auto stored = dispatcher().dead_letters().Get(Sequence{1});
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->letter().attempts(), 3);
  EXPECT_EQ(stored->letter().reason(), "max_attempts");
}

TEST_F(LettersTest, WithoutALimitNoAttemptIsTheLast) {
  proto_.set_max_attempts(-1);
  Append({"a"});
  const WorkerKey worker = Join("w");
  for (uint32_t i = 1; i <= 50; ++i) {
    const Delivered delivered = Take(worker);
    EXPECT_THAT(delivered.attempts, ElementsAre(i));
    Settle(delivered, v1::ACK_ACTION_RETRY, {}, absl::ZeroDuration());
  }
}

TEST_F(LettersTest, WithoutRoomAnEventIsDeliveredAgainInstead) {
  limits_.dead_letters_max = 1;
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_DEAD_LETTER, {1}),
            v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(Settle(delivered, v1::ACK_ACTION_DEAD_LETTER, {2}),
            v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
  EXPECT_EQ(dispatcher().Counters().retrying, 1);
  clock_.Advance(kMaxBackoff);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(2));
}

TEST_F(LettersTest, ALateDoneTakesTheDeadLetterOfItsEventAway) {
  proto_.set_max_attempts(1);
  Append({"a"});
  const Delivered delivered = Take(Join("w"));
  clock_.Advance(kAckDeadline);
  Dispatch();
  ASSERT_EQ(dispatcher().Counters().dead_letters, 1);
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_LATE);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 0);
  EXPECT_EQ(store_.entry_count(StateTable::kDeadLetters), 0);
  EXPECT_EQ(Done(delivered), v1::SETTLEMENT_STATUS_OK);
}

TEST_F(LettersTest, ADoneAfterASeekLeavesTheDeadLetterFromBeforeIt) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  SeekTo({});
  const Delivered again = Take(worker);
  EXPECT_EQ(Done(again), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(Done(again), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
}

TEST_F(LettersTest, AReplayOfWhatIsToComeAfterASeekKeepsTheOrder) {
  Append({"a", "a", "a"});
  const WorkerKey worker = Join("w");
  Done(Take(worker));
  Done(Take(worker));
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  SeekTo({});
  const Delivered first = Take(worker);
  ASSERT_THAT(first.sequences, ElementsAre(1));
  // 2 and 3 are blocked behind 1.
  EXPECT_EQ(Replay(), 1);
  Done(first);
  const Delivered second = Take(worker);
  EXPECT_THAT(second.sequences, ElementsAre(2));
  Done(second);
  const Delivered third = Take(worker);
  EXPECT_THAT(third.sequences, ElementsAre(3));
  Done(third);
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  EXPECT_EQ(dispatcher().Counters().dead_letters, 0);
}

TEST_F(LettersTest, AReplayAfterASeekPutsBackWhatTheFilterNoLongerWants) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  SeekTo({});
  proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Update();
  EXPECT_EQ(Replay(), 1);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1));
}

TEST_F(LettersTest, AReplayedEventOutlivesRetentionAndItsAttemptsAreReset) {
  Append({"a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  Settle(delivered, v1::ACK_ACTION_DEAD_LETTER, {1});
  Done(delivered);
  log_.SetEarliest(Sequence{3});
  EXPECT_EQ(Replay(), 1);
  Restart();
  const Delivered again = Take(Join("v"));
  EXPECT_THAT(again.sequences, ElementsAre(1));
  EXPECT_THAT(again.attempts, ElementsAre(1));
  Done(again);
  EXPECT_EQ(store_.entry_count(StateTable::kDeadLetters), 0);
  EXPECT_EQ(dispatcher().Counters().lost_events, 0);
}

TEST_F(LettersTest, AReplayedEventThatFailsIsADeadLetterAgain) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  Replay();
  EXPECT_EQ(dispatcher().Counters().dead_letters, 0);
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
}

TEST_F(LettersTest, AReplayNamesItsTargets) {
  Append({"a", "b", "c", "d"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  EXPECT_EQ(Replay({.sequences = std::vector<Sequence>()}), 0);
  EXPECT_EQ(Replay({.sequences = std::nullopt, .dry_run = true}), 4);
  EXPECT_EQ(dispatcher().Counters().dead_letters, 4);
  // Twice the same, and one that is none.
  EXPECT_EQ(
      Replay({.sequences = std::vector{Sequence{3}, Sequence{9}, Sequence{3}}}),
      1);
  EXPECT_EQ(Replay({.sequences = std::nullopt, .max_count = 2}), 2);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1, 2, 3));
}

TEST_F(LettersTest, DeletedDeadLettersAreGone) {
  Append({"a", "b"});
  Settle(Take(Join("w")), v1::ACK_ACTION_DEAD_LETTER);
  const Dispatcher::LetterSpec dry{.sequences = std::nullopt, .dry_run = true};
  EXPECT_EQ(dispatcher().DeleteLetters(dry).value_or(0), 2);
  const Dispatcher::LetterSpec first{.sequences = std::vector{Sequence{1}}};
  EXPECT_EQ(dispatcher().DeleteLetters(first).value_or(0), 1);
  Commit();
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
  EXPECT_EQ(store_.entry_count(StateTable::kDeadLetters), 1);
}

TEST_F(LettersTest, ASeekMakesWhatWasPutBackADeadLetterAgain) {
  Append({"a"});
  Settle(Take(Join("w")), v1::ACK_ACTION_DEAD_LETTER);
  Replay();
  SeekTo({.position = Sequence{1}});
  EXPECT_EQ(dispatcher().Counters().dead_letters, 1);
  EXPECT_EQ(dispatcher().Counters().retrying, 0);
}

}  // namespace
}  // namespace enveloperelay
