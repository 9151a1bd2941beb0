// Dead letters: set aside, put back, deleted.
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

}  // namespace
}  // namespace enveloperelay
