// The order of an envelope's events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/leases.h"
#include "tests/support/append.h"
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

TEST_F(OrderTest, WhatIsBlockedIsDeliveredOnceWhenTheOrderIsGivenUp) {
  Append({"a"});
  const WorkerKey worker = Join("w", 1000, 1);
  const Delivered first = Take(worker);
  Append({"a", "a", "a"});
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Update();
  Append({"a"});
  EXPECT_THAT(Take(worker).sequences, ElementsAre(2));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(4));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(5));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
}

TEST_F(OrderTest, WhatIsNewDoesNotOvertakeWhatIsBlockedAndTooLarge) {
  proto_.set_order(v1::DELIVERY_ORDER_BY_ENVELOPE);
  const auto append = [this](const std::string& id, size_t size) {
    RELAY_CHECK(
        testing::AppendAndWait(
            log_, testing::MakeEvent({.event_id = id,
                                      .envelope_id = id.substr(0, 1),
                                      .receive_time = clock_.Now(),
                                      .payload = std::string(size, 'p')}))
            .ok());
  };
  append("a1", 10);
  append("b1", 10);
  const WorkerKey worker = Join("w");
  Take(worker);
  append("a2", 10);
  append("b2", size_t{1} << 20);
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Update();
  append("b3", 10);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(4));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(5));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
}

TEST_F(OrderTest, WhatWasBlockedIsDispatchedWithinTheLimit) {
  limits_.unsettled_max = 2;
  Append({"a"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Append({"a", "a", "a"});
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Update();
  EXPECT_THAT(Take(worker).sequences, ElementsAre(2));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(first);
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(3));
}

TEST_F(OrderTest, LaterEventsWaitThroughARetryAndNoOthers) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_RETRY, {}, absl::Seconds(5));
  Append({"a", "b"});
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(1));
}

TEST_F(OrderTest, DeadLetteringAnEventLetsLaterOnesPass) {
  Append({"a", "a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(2));
}

TEST_F(OrderTest, AReleasedEventGoesBeforeLaterOnes) {
  Append({"a", "a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_RELEASE);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1));
}

TEST_F(OrderTest, AReplayedEventGoesBeforeWhatIsBlocked) {
  Append({"a", "a", "a"});
  const WorkerKey worker = Join("w");
  Settle(Take(worker), v1::ACK_ACTION_DEAD_LETTER);
  const Delivered second = Take(worker);
  EXPECT_THAT(second.sequences, ElementsAre(2));
  EXPECT_EQ(Replay(), 1);
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(second);
  const std::vector<Delivered> replayed = Dispatch();
  EXPECT_THAT(replayed.at(0).sequences, ElementsAre(1));
  Done(replayed[0]);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
}

TEST_F(OrderTest, WithoutOrderEventsOfAnEnvelopeGoTogether) {
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Append({"a", "a", "a"});
  const WorkerKey worker = Join("w", 1000, 2);
  EXPECT_THAT(Take(worker).sequences, ElementsAre(1, 2));
  EXPECT_THAT(Take(worker).sequences, ElementsAre(3));
}

TEST_F(OrderTest, AnOrderThatIsTakenUpHoldsWhatIsUnsettledAlready) {
  proto_.set_order(v1::DELIVERY_ORDER_NONE);
  Append({"a", "a"});
  const WorkerKey worker = Join("w");
  const Delivered both = Take(worker);
  proto_.set_order(v1::DELIVERY_ORDER_BY_ENVELOPE);
  Update();
  Append({"a"});
  Settle(both, v1::ACK_ACTION_RELEASE, {2});
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(both, {1});
  const std::vector<Delivered> second = Dispatch();
  EXPECT_THAT(second.at(0).sequences, ElementsAre(2));
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(second[0]);
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(3));
}

TEST_F(OrderTest, IsKeptThroughARestart) {
  Append({"a"});
  const Delivered first = Take(Join("w"));
  Append({"a", "b"});
  Take(Join("v"));
  Restart();
  const WorkerKey worker = Join("u");
  EXPECT_THAT(Take(worker).sequences, IsEmpty());
  Done(first);
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(2));
}

TEST_F(OrderTest, RetentionLosesWhatIsBlocked) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Append({"a", "a", "b", "a"});
  Take(worker);
  log_.SetEarliest(Sequence{4});
  Dispatch();
  EXPECT_EQ(dispatcher().Counters().lost_events, 2);
  Done(first);
  const Delivered last = Take(worker);
  EXPECT_THAT(last.sequences, ElementsAre(5));
  ASSERT_TRUE(last.gap.has_value());
  EXPECT_EQ(last.gap->lost_events(), 2);
}

TEST_F(OrderTest, TheFilterDecidesWhenTheTurnOfABlockedEventComes) {
  Append({"a"});
  const WorkerKey worker = Join("w");
  const Delivered first = Take(worker);
  Append({"a"});
  Append({"a"}, v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Take(worker);
  proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  Update();
  Done(first);
  EXPECT_THAT(Dispatch().at(0).sequences, ElementsAre(3));
}

}  // namespace
}  // namespace enveloperelay
