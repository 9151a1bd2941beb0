#include "server/subscriptions/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
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

}  // namespace
}  // namespace enveloperelay
