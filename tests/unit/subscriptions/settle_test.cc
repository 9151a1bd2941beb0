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

}  // namespace
}  // namespace enveloperelay
