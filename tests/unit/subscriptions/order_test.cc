// The order of an envelope's events.
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

class OrderTest : public testing::DispatcherTest {};

TEST_F(OrderTest, LaterEventsOfAnEnvelopeWaitUntilOneIsSettled) {
  Append({"a", "b", "a", "b"});
  const WorkerKey worker = Join("w");
  const Delivered delivered = Take(worker);
  EXPECT_THAT(delivered.sequences, ElementsAre(1, 2));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(delivered, {1});
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
}

TEST_F(OrderTest, AnOlderEventThatIsReplayedNeedsNotWaitForARetry) {
  Append({"a", "a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  const Delivered second = Take(worker);
  EXPECT_THAT(second.sequences, ElementsAre(2));
  EXPECT_EQ(Replay(), 1);
  Settle(second, v1::ACK_ACTION_RETRY, {}, absl::Seconds(20));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1));
}

}  // namespace
}  // namespace enveloperelay
