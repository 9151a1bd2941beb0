// What a durable subscription does with the events that it delivers, as the
// contract says it: sentence by sentence, against the relay's program.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/subscriptions/subscriptions_relay_test.h"
#include "tests/support/child_process.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr v1::SettlementStatus kOk = v1::SETTLEMENT_STATUS_OK;
constexpr v1::SettlementStatus kLate = v1::SETTLEMENT_STATUS_LATE;
constexpr v1::SettlementStatus kLeaseLost = v1::SETTLEMENT_STATUS_LEASE_LOST;

class SubscriptionDeliveryTest : public SubscriptionsRelayTest {
 protected:
  // "billing" whose deadlines a test can wait for.
  static v1::Subscription Impatient() {
    v1::Subscription subscription = Billing();
    subscription.mutable_ack_deadline()->set_seconds(1);
    return subscription;
  }
  // The events of the next batch; that there is one is checked.
  static v1::SubscribeResponse NextBatch(EventStream& stream) {
    const std::optional<v1::SubscribeResponse> batch = stream.NextBatch();
    if (!batch.has_value()) {
      ADD_FAILURE() << "the stream ended: " << stream.Finish().error_message();
      return {};
    }
    return *batch;
  }
  // Whether the stream's next two responses are heartbeats, of which the second
  // comes a second after the first.
  static bool IsIdle(EventStream& stream) {
    for (int i = 0; i < 2; ++i) {
      const auto response = stream.Next();
      if (!response.has_value() || !response->events().empty() ||
          response->has_end()) {
        return false;
      }
    }
    return true;
  }
  // Reads to the end of a stream that is to be superseded, or refused.
  static void ExpectEnd(EventStream& stream, grpc::StatusCode code,
                        const std::string& reason,
                        const std::pair<std::string, std::string>& metadata) {
    const StatusDetails details = ExpectError(stream.End(), code, reason);
    EXPECT_THAT(details.metadata,
                ElementsAre(Pair(metadata.first, metadata.second)));
  }
};

TEST_F(SubscriptionDeliveryTest, TheFirstResponseComesAtOnceOnAnEmptyLog) {
  StartRelay();
  Create();
  v1::SubscribeRequest request = As("w");
  request.mutable_heartbeat_interval()->set_seconds(300);
  EventStream stream(channel_, request);
  const auto first = stream.Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->events().empty());
  EXPECT_FALSE(first->has_delivery());
  EXPECT_EQ(first->info().log_id(), GetLog().log_id());
  EXPECT_EQ(first->info().heartbeat_interval().seconds(), 300);
  EXPECT_EQ(first->info().max_batch_events(), 256);
  EXPECT_EQ(first->info().max_batch_bytes(), 1 << 20);
}

TEST_F(SubscriptionDeliveryTest, DeliversWhatIsPostedLater) {
  StartRelay();
  Create();
  EventStream stream(channel_, As("w"));
  ASSERT_TRUE(stream.Next().has_value());
  PostOf({"e1"});
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_THAT(SequencesOf(batch), ElementsAre(1));
  EXPECT_EQ(batch.events(0).envelope_id(), "e1");
  EXPECT_FALSE(batch.events(0).payload().empty());
  EXPECT_FALSE(batch.delivery().delivery_id().empty());
  EXPECT_EQ(batch.delivery().attempts_size(), 0);
}

TEST_F(SubscriptionDeliveryTest, TheDeadlineIsThatOfTheSubscription) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.mutable_ack_deadline()->set_seconds(77);
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  const absl::Duration left =
      ToTime(batch.delivery().ack_deadline()) - ToTime(batch.server_time());
  EXPECT_LE(left, absl::Seconds(77));
  EXPECT_GT(left, absl::Seconds(67));
}

TEST_F(SubscriptionDeliveryTest, BatchesKeepToTheirBoundOfEvents) {
  StartRelay();
  Create();
  Post({.count = 100});
  v1::SubscribeRequest request = As("w");
  request.set_max_batch_events(7);
  EventStream stream(channel_, request);
  uint64_t delivered = 0;
  while (delivered < 100) {
    const v1::SubscribeResponse batch = NextBatch(stream);
    ASSERT_LE(batch.events_size(), 7);
    ASSERT_GT(batch.events_size(), 0);
    for (const uint64_t sequence : SequencesOf(batch)) {
      ASSERT_EQ(sequence, ++delivered);
    }
  }
}

TEST_F(SubscriptionDeliveryTest, BatchesKeepToTheirBoundOfBytes) {
  constexpr size_t kBound = size_t{64} << 10;
  StartRelay();
  Create();
  Post({.count = 20, .padding_bytes = size_t{20} << 10});
  v1::SubscribeRequest request = As("w");
  request.set_max_batch_bytes(kBound);
  EventStream stream(channel_, request);
  int delivered = 0;
  while (delivered < 20) {
    const v1::SubscribeResponse batch = NextBatch(stream);
    ASSERT_GT(batch.events_size(), 0);
    ASSERT_LE(batch.ByteSizeLong(), kBound);
    delivered += batch.events_size();
  }
}

TEST_F(SubscriptionDeliveryTest, AnEventLargerThanTheBoundComesAlone) {
  StartRelay();
  Create();
  Post({.count = 2, .padding_bytes = size_t{100} << 10});
  v1::SubscribeRequest request = As("w");
  request.set_max_batch_bytes(1);  // coerced to 64 KiB
  EventStream stream(channel_, request);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1));
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(2));
}

TEST_F(SubscriptionDeliveryTest, TheBasicViewLeavesThePayloadOut) {
  StartRelay();
  Create();
  PostOf({"e1"});
  v1::SubscribeRequest request = As("w");
  request.set_view(v1::EVENT_VIEW_BASIC);
  EventStream stream(channel_, request);
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_TRUE(batch.events(0).payload().empty());
  EXPECT_EQ(batch.events(0).envelope_id(), "e1");
}

TEST_F(SubscriptionDeliveryTest, TheFilterOfTheSubscriptionSelects) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.mutable_filter()->add_envelope_ids("wanted");
  Create(subscription);
  PostOf({"other", "wanted", "other", "wanted"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  EXPECT_THAT(SequencesOf(first), ElementsAre(2));
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE), kOk);
  const v1::SubscribeResponse second = NextBatch(stream);
  EXPECT_THAT(SequencesOf(second), ElementsAre(4));
  EXPECT_EQ(Settle(second, v1::ACK_ACTION_DONE), kOk);
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, TheCursorCoversWhatIsSettled) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_EQ(batch.events_size(), 3);
  EXPECT_EQ(batch.backlog(), 3);
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_DONE, {1, 3}), kOk);
  EXPECT_EQ(GetBilling().cursor(), batch.events(0).cursor());
  EXPECT_EQ(GetBilling().backlog(), 2);
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_DONE, {2}), kOk);
  EXPECT_EQ(GetBilling().cursor(), batch.events(2).cursor());
  // Heartbeats say so, too.
  std::optional<v1::SubscribeResponse> heartbeat;
  do {
    heartbeat = stream.Next();
    ASSERT_TRUE(heartbeat.has_value());
  } while (heartbeat->backlog() > 0);
  EXPECT_EQ(heartbeat->cursor(), batch.events(2).cursor());
}

TEST_F(SubscriptionDeliveryTest, WorkersShareTheEvents) {
  constexpr size_t kEvents = 200;
  StartRelay();
  Create();
  v1::SubscribeRequest request = As("a");
  request.set_max_batch_events(10);
  request.set_max_outstanding_events(kEvents / 2);
  EventStream a(channel_, request);
  request.set_worker_id("b");
  EventStream b(channel_, request);
  Post({.count = kEvents});
  std::set<uint64_t> delivered;
  for (EventStream* stream : {&a, &b}) {
    for (size_t got = 0; got < kEvents / 2;) {
      const v1::SubscribeResponse batch = NextBatch(*stream);
      ASSERT_GT(batch.events_size(), 0);
      for (const uint64_t sequence : SequencesOf(batch)) {
        ASSERT_TRUE(delivered.insert(sequence).second) << sequence;
        ++got;
      }
    }
  }
  EXPECT_EQ(delivered.size(), kEvents);
}

TEST_F(SubscriptionDeliveryTest, WhatIsNotSettledComesAgainAfterTheDeadline) {
  StartRelay();
  Create(Impatient());
  PostOf({"e1", "e2"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  ASSERT_THAT(SequencesOf(first), ElementsAre(1, 2));
  const v1::SubscribeResponse second = NextBatch(stream);
  EXPECT_THAT(SequencesOf(second), ElementsAre(1, 2));
  EXPECT_THAT(AttemptsOf(second), ElementsAre(2, 2));
  EXPECT_GE(ToTime(second.server_time()),
            ToTime(first.delivery().ack_deadline()));
  EXPECT_NE(second.delivery().delivery_id(), first.delivery().delivery_id());
}

TEST_F(SubscriptionDeliveryTest, AnotherGetsTheEventsOfAWorkerThatIsGone) {
  StartRelay();
  Create(Impatient());
  PostOf({"e1"});
  v1::SubscribeResponse first;
  {
    EventStream gone(channel_, As("gone"));
    first = NextBatch(gone);
    ASSERT_THAT(SequencesOf(first), ElementsAre(1));
  }
  EventStream other(channel_, As("other"));
  const v1::SubscribeResponse second = NextBatch(other);
  EXPECT_THAT(SequencesOf(second), ElementsAre(1));
  EXPECT_THAT(AttemptsOf(second), ElementsAre(2));
  EXPECT_GE(ToTime(second.server_time()),
            ToTime(first.delivery().ack_deadline()));
}

TEST_F(SubscriptionDeliveryTest, AWorkerThatReturnsHasItsEventsAtOnce) {
  StartRelay();
  Create();
  PostOf({"e1", "e2"});
  {
    EventStream stream(channel_, As("w"));
    ASSERT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1, 2));
  }
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(1, 2));
  EXPECT_THAT(AttemptsOf(batch), ElementsAre(2, 2));
}

TEST_F(SubscriptionDeliveryTest, ANewStreamTakesOverFromAnOlderOneOfItsName) {
  StartRelay();
  Create();
  PostOf({"e1"});
  EventStream older(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(older);
  ASSERT_THAT(SequencesOf(first), ElementsAre(1));
  EventStream newer(NewChannel(), As("w"));
  const v1::SubscribeResponse second = NextBatch(newer);
  EXPECT_THAT(SequencesOf(second), ElementsAre(1));
  EXPECT_THAT(AttemptsOf(second), ElementsAre(2));
  // Long before the deadline.
  EXPECT_LT(ToTime(second.server_time()),
            ToTime(first.delivery().ack_deadline()) - absl::Seconds(5));
  ExpectEnd(older, grpc::StatusCode::ABORTED, "WORKER_SUPERSEDED",
            {"workerId", "w"});
  EXPECT_EQ(GetBilling().workers_size(), 1);
}

TEST_F(SubscriptionDeliveryTest, WorkersWithoutANameAreNotTheSame) {
  StartRelay();
  Create();
  EventStream a(channel_, As(""));
  EventStream b(channel_, As(""));
  ASSERT_TRUE(a.Next().has_value());
  ASSERT_TRUE(b.Next().has_value());
  const v1::Subscription subscription = GetBilling();
  ASSERT_EQ(subscription.workers_size(), 2);
  EXPECT_NE(subscription.workers(0).worker_id(),
            subscription.workers(1).worker_id());
}

TEST_F(SubscriptionDeliveryTest, AReleasedEventComesAtOnceAndCountsNoAttempt) {
  StartRelay();
  Create();
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  for (int i = 0; i < 3; ++i) {
    const v1::SubscribeResponse batch = NextBatch(stream);
    ASSERT_THAT(SequencesOf(batch), ElementsAre(1));
    EXPECT_THAT(AttemptsOf(batch), ElementsAre(1));
    EXPECT_EQ(Settle(batch, v1::ACK_ACTION_RELEASE), kOk);
  }
}

TEST_F(SubscriptionDeliveryTest, ARetryComesAfterItsDelay) {
  constexpr absl::Duration kDelay = absl::Milliseconds(1500);
  StartRelay();
  Create();
  PostOf({"e1", "e2"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  v1::Settlement settlement = Make(first, v1::ACK_ACTION_RETRY, {2});
  *settlement.mutable_delay() = ToDuration(kDelay);
  const absl::Time asked = absl::Now();
  ASSERT_EQ(Settle(settlement), kOk);
  EXPECT_EQ(GetBilling().retrying(), 1);
  EXPECT_EQ(GetBilling().outstanding(), 1);
  const v1::SubscribeResponse second = NextBatch(stream);
  EXPECT_GE(absl::Now() - asked, kDelay);
  EXPECT_THAT(SequencesOf(second), ElementsAre(2));
  EXPECT_THAT(AttemptsOf(second), ElementsAre(2));
}

TEST_F(SubscriptionDeliveryTest, ARetryWithoutADelayBacksOff) {
  StartRelay();
  v1::Subscription subscription = Billing();
  *subscription.mutable_min_backoff() = ToDuration(absl::Milliseconds(300));
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  v1::SubscribeResponse batch = NextBatch(stream);
  for (const absl::Duration backoff :
       {absl::Milliseconds(300), absl::Milliseconds(600)}) {
    const absl::Time asked = absl::Now();
    ASSERT_EQ(Settle(batch, v1::ACK_ACTION_RETRY), kOk);
    batch = NextBatch(stream);
    EXPECT_GE(absl::Now() - asked, backoff);
    EXPECT_THAT(SequencesOf(batch), ElementsAre(1));
  }
  EXPECT_THAT(AttemptsOf(batch), ElementsAre(3));
}

TEST_F(SubscriptionDeliveryTest, TheLastAttemptsReasonStandsInTheDeadLetter) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.set_max_attempts(2);
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  for (int attempt = 1; attempt <= 2; ++attempt) {
    v1::Settlement settlement = Make(NextBatch(stream), v1::ACK_ACTION_RETRY);
    settlement.mutable_delay();  // none
    settlement.set_reason(absl::StrCat("busy ", attempt));
    ASSERT_EQ(Settle(settlement), kOk);
  }
  const std::vector<v1::DeadLetter> letters = DeadLetters();
  ASSERT_EQ(letters.size(), 1);
  EXPECT_EQ(letters[0].reason(), "busy 2");
  EXPECT_EQ(letters[0].attempts(), 2);
}

TEST_F(SubscriptionDeliveryTest, DeadlinesThatPassUseUpTheAttempts) {
  StartRelay();
  v1::Subscription subscription = Impatient();
  subscription.set_max_attempts(1);
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  ASSERT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1));
  ASSERT_TRUE(Eventually([this] { return GetBilling().dead_letters() == 1; }));
  EXPECT_EQ(DeadLetters().at(0).reason(), "max_attempts");
  EXPECT_EQ(DeadLetters().at(0).worker_id(), "w");
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, ADeadLetterIsACopyAndLetsTheNextPass) {
  StartRelay();
  Create();
  PostOf({"e1", "e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_THAT(SequencesOf(batch), ElementsAre(1));
  v1::Settlement settlement = Make(batch, v1::ACK_ACTION_DEAD_LETTER);
  settlement.set_reason("no such customer");
  const absl::Time asked = absl::Now();
  ASSERT_EQ(Settle(settlement), kOk);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(2));

  const std::vector<v1::DeadLetter> letters = DeadLetters();
  ASSERT_EQ(letters.size(), 1);
  EXPECT_EQ(letters[0].event().SerializeAsString(),
            batch.events(0).SerializeAsString());
  EXPECT_EQ(letters[0].attempts(), 1);
  EXPECT_EQ(letters[0].reason(), "no such customer");
  EXPECT_EQ(letters[0].worker_id(), "w");
  EXPECT_GE(ToTime(letters[0].dead_letter_time()),
            asked - absl::Milliseconds(1));
}

TEST_F(SubscriptionDeliveryTest, AnExtendedLeaseLastsLonger) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.mutable_ack_deadline()->set_seconds(2);
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  v1::Settlement settlement = Make(NextBatch(stream), v1::ACK_ACTION_EXTEND);
  *settlement.mutable_delay() = ToDuration(absl::Seconds(4));
  const absl::Time asked = absl::Now();
  ASSERT_EQ(Settle(settlement), kOk);
  EXPECT_THAT(AttemptsOf(NextBatch(stream)), ElementsAre(2));
  EXPECT_GE(absl::Now() - asked, absl::Seconds(4));
}

TEST_F(SubscriptionDeliveryTest, ALateDoneIsAppliedAllTheSame) {
  StartRelay();
  Create(Impatient());
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  const v1::SubscribeResponse second = NextBatch(stream);
  ASSERT_THAT(SequencesOf(second), ElementsAre(1));
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE), kLate);
  EXPECT_EQ(GetBilling().backlog(), 0);
  EXPECT_EQ(Settle(second, v1::ACK_ACTION_DONE), kOk);
  EXPECT_TRUE(IsIdle(stream));
}

TEST_F(SubscriptionDeliveryTest, ALateDoneCountsWhileNobodyHasTheEvent) {
  StartRelay();
  Create(Impatient());
  PostOf({"e1"});
  v1::SubscribeResponse batch;
  {
    EventStream stream(channel_, As("w"));
    batch = NextBatch(stream);
  }
  ASSERT_TRUE(Eventually([this] { return GetBilling().retrying() == 1; }));
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_DONE), kLate);
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, NothingButDoneAppliesToALeaseThatIsGone) {
  StartRelay();
  Create();
  PostOf({"e1"});
  EventStream older(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(older);
  EventStream newer(NewChannel(), As("w"));
  ASSERT_THAT(SequencesOf(NextBatch(newer)), ElementsAre(1));
  for (const v1::AckAction action :
       {v1::ACK_ACTION_RETRY, v1::ACK_ACTION_RELEASE, v1::ACK_ACTION_EXTEND,
        v1::ACK_ACTION_DEAD_LETTER}) {
    EXPECT_EQ(Settle(first, action), kLeaseLost) << action;
  }
  EXPECT_EQ(GetBilling().outstanding(), 1);
  EXPECT_EQ(GetBilling().dead_letters(), 0);
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE), kLate);
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, AnUnknownLeaseIsLostAndFailsNoOther) {
  StartRelay();
  Create();
  PostOf({"e1", "e2"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  v1::Settlement unknown = Make(batch, v1::ACK_ACTION_DONE);
  unknown.set_delivery_id("unknown");
  EXPECT_THAT(Acknowledge({unknown, Make(batch, v1::ACK_ACTION_DONE, {1}),
                           Make(batch, v1::ACK_ACTION_DONE, {3}),
                           Make(batch, v1::ACK_ACTION_DONE)}),
              ElementsAre(kLeaseLost, kOk, kLeaseLost, kOk));
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, SayingItTwiceIsOk) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3", "e4"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_EQ(batch.events_size(), 4);
  v1::Settlement retry = Make(batch, v1::ACK_ACTION_RETRY, {2});
  retry.mutable_delay()->set_seconds(600);
  const std::vector<v1::Settlement> settlements = {
      Make(batch, v1::ACK_ACTION_DONE, {1}), retry,
      Make(batch, v1::ACK_ACTION_DEAD_LETTER, {3}),
      Make(batch, v1::ACK_ACTION_EXTEND, {4})};
  EXPECT_THAT(Acknowledge(settlements), ElementsAre(kOk, kOk, kOk, kOk));
  EXPECT_THAT(Acknowledge(settlements), ElementsAre(kOk, kOk, kOk, kOk));
  const v1::Subscription subscription = GetBilling();
  EXPECT_EQ(subscription.retrying(), 1);
  EXPECT_EQ(subscription.dead_letters(), 1);
  EXPECT_EQ(subscription.outstanding(), 1);
}

TEST_F(SubscriptionDeliveryTest, AnyConnectionMaySettle) {
  StartRelay();
  Create();
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ConnectStub();
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_DONE), kOk);
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, WithoutSequencesTheRestOfTheDeliveryIsMeant) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  v1::Settlement retry = Make(batch, v1::ACK_ACTION_RETRY, {2});
  retry.mutable_delay()->set_seconds(600);
  EXPECT_THAT(Acknowledge({retry, Make(batch, v1::ACK_ACTION_DONE)}),
              ElementsAre(kOk, kOk));
  EXPECT_EQ(GetBilling().retrying(), 1);
  EXPECT_EQ(GetBilling().outstanding(), 0);
}

TEST_F(SubscriptionDeliveryTest, AnEnvelopesNextEventWaitsForTheOneBefore) {
  StartRelay();
  Create();
  PostOf({"e1", "e1", "e2", "e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  ASSERT_THAT(SequencesOf(first), ElementsAre(1, 3));
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE, {3}), kOk);
  EXPECT_TRUE(IsIdle(stream));
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE, {1}), kOk);
  const v1::SubscribeResponse second = NextBatch(stream);
  ASSERT_THAT(SequencesOf(second), ElementsAre(2));
  EXPECT_EQ(Settle(second, v1::ACK_ACTION_DONE), kOk);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(4));
}

TEST_F(SubscriptionDeliveryTest, ARetryHoldsUpItsEnvelopeAndNoOther) {
  StartRelay();
  Create();
  PostOf({"e1", "e1", "e2", "e2"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse first = NextBatch(stream);
  ASSERT_THAT(SequencesOf(first), ElementsAre(1, 3));
  v1::Settlement retry = Make(first, v1::ACK_ACTION_RETRY, {1});
  *retry.mutable_delay() = ToDuration(absl::Seconds(3));
  const absl::Time asked = absl::Now();
  EXPECT_THAT(Acknowledge({retry, Make(first, v1::ACK_ACTION_DONE, {3})}),
              ElementsAre(kOk, kOk));
  const v1::SubscribeResponse second = NextBatch(stream);
  EXPECT_THAT(SequencesOf(second), ElementsAre(4));
  const v1::SubscribeResponse third = NextBatch(stream);
  EXPECT_THAT(SequencesOf(third), ElementsAre(1));
  EXPECT_GE(absl::Now() - asked, absl::Seconds(3));
  EXPECT_EQ(Settle(third, v1::ACK_ACTION_DONE), kOk);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(2));
}

TEST_F(SubscriptionDeliveryTest, WithoutOrderNothingWaits) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.set_order(v1::DELIVERY_ORDER_NONE);
  Create(subscription);
  PostOf({"e1", "e1", "e1"});
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_THAT(SequencesOf(batch), ElementsAre(1, 2, 3));
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_RELEASE, {1}), kOk);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1));
}

TEST_F(SubscriptionDeliveryTest, SendingPausesAtTheMostOutstandingEvents) {
  StartRelay();
  Create();
  Post({.count = 30});
  v1::SubscribeRequest request = As("w");
  request.set_max_outstanding_events(10);
  EventStream stream(channel_, request);
  const v1::SubscribeResponse first = NextBatch(stream);
  ASSERT_EQ(first.events_size(), 10);
  EXPECT_TRUE(IsIdle(stream));
  EXPECT_EQ(Settle(first, v1::ACK_ACTION_DONE, {1, 5, 9}), kOk);
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(11, 12, 13));
  const v1::Subscription subscription = GetBilling();
  EXPECT_EQ(subscription.outstanding(), 10);
  ASSERT_EQ(subscription.workers_size(), 1);
  EXPECT_EQ(subscription.workers(0).outstanding(), 10);
}

TEST_F(SubscriptionDeliveryTest, AWorkerThatComesLateHasWorkWithinASecond) {
  StartRelay();
  Create();
  Post({.count = 4000});
  v1::SubscribeRequest request = As("early");
  request.set_max_batch_events(1);
  EventStream early(channel_, request);
  ASSERT_GT(NextBatch(early).events_size(), 0);
  // Takes all that it can get.
  std::thread worker([this, &early] {
    while (const auto batch = early.NextBatch()) {
      EXPECT_EQ(Settle(*batch, v1::ACK_ACTION_DONE), kOk);
    }
  });
  request.set_worker_id("late");
  EventStream late(channel_, request);
  ASSERT_TRUE(late.Next().has_value());
  const absl::Time joined = absl::Now();
  const v1::SubscribeResponse batch = NextBatch(late);
  EXPECT_GT(batch.events_size(), 0);
  EXPECT_GT(batch.backlog(), 10);
  EXPECT_LT(absl::Now() - joined, absl::Seconds(1));
  early.Cancel();
  worker.join();
}

TEST_F(SubscriptionDeliveryTest, WhilePausedThereAreHeartbeatsOnly) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.set_paused(true);
  Create(subscription);
  PostOf({"e1"});
  EventStream stream(channel_, As("w"));
  ASSERT_TRUE(stream.Next().has_value());
  EXPECT_TRUE(IsIdle(stream));
  subscription.set_paused(false);
  EXPECT_FALSE(Update(subscription, {"paused"}).paused());
  EXPECT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1));
}

TEST_F(SubscriptionDeliveryTest, ASeekReachesAWorkerWhoseLeasesAreOnTheirWay) {
  constexpr size_t kEvents = 400;
  StartRelay();
  Create();
  // More than what fits on the way to a worker that does not read.
  Post({.count = kEvents, .padding_bytes = 30'000});
  v1::SubscribeRequest as_worker = As("w");
  as_worker.set_max_batch_events(10);
  EventStream stream(channel_, as_worker);
  ASSERT_TRUE(stream.NextBatch().has_value());
  ASSERT_TRUE(Eventually([&] { return GetBilling().outstanding() > 50; }));
  v1::SeekSubscriptionRequest to_begin;
  to_begin.set_name("billing");
  to_begin.set_start(v1::START_POSITION_EARLIEST);
  v1::SeekSubscriptionResponse response;
  ExpectOk(Call(&Subscriptions::SeekSubscription, to_begin, response));
  // What was written before it comes first, and then all from the beginning.
  std::set<uint64_t> seen;
  while (seen.size() < kEvents) {
    const auto batch = stream.NextBatch();
    ASSERT_TRUE(batch.has_value()) << seen.size() << " events came";
    if (batch->events(0).sequence() == 1) seen.clear();
    for (const v1::EnvelopeEvent& event : batch->events()) {
      seen.insert(event.sequence());
    }
  }
}

TEST_F(SubscriptionDeliveryTest, DeletionEndsTheStreams) {
  StartRelay();
  Create();
  EventStream stream(channel_, As("w"));
  ASSERT_TRUE(stream.Next().has_value());
  v1::DeleteSubscriptionRequest request;
  request.set_name("billing");
  v1::DeleteSubscriptionResponse response;
  ExpectOk(Call(&Subscriptions::DeleteSubscription, request, response));
  ExpectEnd(stream, grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND",
            {"subscription", "billing"});
}

TEST_F(SubscriptionDeliveryTest, AnUnknownSubscriptionIsNotFound) {
  StartRelay();
  EventStream stream(channel_, As("w"));
  ExpectEnd(stream, grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND",
            {"subscription", "billing"});
}

TEST_F(SubscriptionDeliveryTest, FieldsOfAPlainStreamExcludeASubscription) {
  StartRelay();
  Create();
  using Request = v1::SubscribeRequest;
  const std::map<std::string, std::function<void(Request&)>> fields = {
      {"cursor",
       [this](Request& r) { r.set_cursor(GetLog().latest_cursor()); }},
      {"start", [](Request& r) { r.set_start(v1::START_POSITION_LATEST); }},
      {"start_time", [](Request& r) { r.mutable_start_time(); }},
      {"filter", [](Request& r) { r.mutable_filter(); }},
      {"on_cursor_expired",
       [](Request& r) {
         r.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
       }},
      {"until_caught_up", [](Request& r) { r.set_until_caught_up(true); }},
  };
  for (const auto& [field, set] : fields) {
    v1::SubscribeRequest request = As("w");
    set(request);
    EventStream stream(channel_, request);
    const StatusDetails details = ExpectError(
        stream.End(), grpc::StatusCode::INVALID_ARGUMENT, "FIELDS_CONFLICT");
    EXPECT_THAT(details.fields, ElementsAre(field));
  }
}

TEST_F(SubscriptionDeliveryTest, OvertakenByRetentionItGoesOnWithAGap) {
  StartRelay({"--retention-bytes=256KiB"});
  Create();
  Post({.count = 100, .padding_bytes = size_t{16} << 10});
  uint64_t earliest = 0;
  ASSERT_TRUE(Eventually([this, &earliest] {
    earliest = GetLog().earliest_sequence();
    return earliest > 84;  // all that does not fit is gone
  }));
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  ASSERT_GT(batch.events_size(), 0);
  EXPECT_EQ(batch.events(0).sequence(), batch.gap().next_sequence());
  EXPECT_GE(batch.gap().next_sequence(), earliest);
  EXPECT_EQ(batch.gap().lost_events(), batch.gap().next_sequence() - 1);
  EXPECT_EQ(GetBilling().lost_events(), batch.gap().lost_events());
  // It is said once.
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_RELEASE), kOk);
  EXPECT_FALSE(NextBatch(stream).has_gap());
}

TEST_F(SubscriptionDeliveryTest, ADrainKeepsWhatIsSettledAndWhatIsLeased) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3"});
  {
    EventStream stream(channel_, As("w"));
    const v1::SubscribeResponse batch = NextBatch(stream);
    ASSERT_THAT(SequencesOf(batch), ElementsAre(1, 2, 3));
    ASSERT_EQ(Settle(batch, v1::ACK_ACTION_DONE, {2}), kOk);
    relay_->Signal(SIGTERM);
    const v1::SubscribeResponse last = NextBatch(stream);
    EXPECT_EQ(last.end().reason(), v1::END_REASON_SERVER_DRAINING);
    EXPECT_TRUE(last.end().has_retry_delay());
    ExpectOk(stream.End());
  }
  EXPECT_EQ(relay_->WaitForExit().value(), (ExitStatus{.code = 0}));
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(1, 3));
  EXPECT_THAT(AttemptsOf(batch), ElementsAre(2, 2));
  EXPECT_EQ(Settle(batch, v1::ACK_ACTION_DONE), kOk);
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionDeliveryTest, AKillKeepsWhatIsSettledAndWhatIsLeased) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3", "e4", "e5"});
  v1::SubscribeResponse before;
  {
    EventStream stream(channel_, As("w"));
    before = NextBatch(stream);
    ASSERT_THAT(SequencesOf(before), ElementsAre(1, 2, 3, 4, 5));
    v1::Settlement retry = Make(before, v1::ACK_ACTION_RETRY, {5});
    retry.mutable_delay()->set_seconds(600);
    EXPECT_THAT(
        Acknowledge({Make(before, v1::ACK_ACTION_DONE, {2}),
                     Make(before, v1::ACK_ACTION_DEAD_LETTER, {4}), retry}),
        ElementsAre(kOk, kOk, kOk));
    relay_->Kill();
  }
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  const v1::Subscription subscription = GetBilling();
  EXPECT_EQ(subscription.outstanding(), 2);
  EXPECT_EQ(subscription.retrying(), 1);
  EXPECT_EQ(subscription.dead_letters(), 1);
  // The lease outlives the relay.
  EXPECT_EQ(Settle(before, v1::ACK_ACTION_DONE, {1}), kOk);
  EventStream stream(channel_, As("w"));
  const v1::SubscribeResponse batch = NextBatch(stream);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(3));
  EXPECT_THAT(AttemptsOf(batch), ElementsAre(2));
  EXPECT_TRUE(IsIdle(stream));
}

TEST_F(SubscriptionDeliveryTest, AKillKeepsTheOrderOfAnEnvelope) {
  StartRelay();
  Create();
  PostOf({"e1", "e1", "e1"});
  {
    EventStream stream(channel_, As("w"));
    ASSERT_THAT(SequencesOf(NextBatch(stream)), ElementsAre(1));
    relay_->Kill();
  }
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EventStream stream(channel_, As("w"));
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const v1::SubscribeResponse batch = NextBatch(stream);
    ASSERT_THAT(SequencesOf(batch), ElementsAre(sequence));
    ASSERT_EQ(Settle(batch, v1::ACK_ACTION_DONE), kOk);
  }
}

}  // namespace
}  // namespace enveloperelay::testing
