#include "client/leases.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/scripted_event_service.h"
#include "tests/support/settlements.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::Delivery;
using ::enveloperelay::testing::Summaries;
using ::enveloperelay::testing::Summary;
using ::std::chrono::milliseconds;
using ::std::chrono::minutes;
using ::std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr absl::Duration kLease = absl::Seconds(30);

v1::SubscribeResponse DeliveryOf(const std::string& id, uint64_t first,
                                 uint64_t last) {
  std::vector<testing::DeliveredEvent> events;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    events.push_back({.sequence = sequence, .envelope_id = "e"});
  }
  return Delivery(id, events, kLease);
}

v1::AcknowledgeResponse AnswerWith(std::vector<v1::SettlementStatus> statuses) {
  v1::AcknowledgeResponse response;
  for (const v1::SettlementStatus status : statuses) {
    response.add_statuses(status);
  }
  return response;
}

class LeasesTest : public ::testing::Test {
 protected:
  // Takes what there is to tell, and answers OK to each.
  std::vector<std::string> Tell(SteadyTime now) {
    const Leases::Batch batch = leases_.TakeBatch(now);
    v1::AcknowledgeResponse response;
    for (size_t i = 0; i < batch.entries.size(); ++i) {
      response.add_statuses(v1::SETTLEMENT_STATUS_OK);
    }
    EXPECT_THAT(leases_.Answer(batch, response), IsEmpty());
    return Summaries(batch.request);
  }

  void Done(uint64_t delivery, uint64_t sequence) {
    leases_.Settle({.delivery = delivery, .sequence = sequence},
                   Handled::Done());
  }

  const SteadyTime start_ = SteadyTime() + std::chrono::hours(1);
  Leases leases_{"billing"};
};

TEST_F(LeasesTest, HoldsALeaseForItsTimeOnTheRelaysClock) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 1), start_);

  EXPECT_TRUE(leases_.Holds(delivery, start_ + milliseconds(29'999)));
  EXPECT_FALSE(leases_.Holds(delivery, start_ + seconds(30)));
}

TEST_F(LeasesTest, TakesALeaseForASecondAtLeast) {
  v1::SubscribeResponse response = DeliveryOf("d1", 1, 1);
  response.mutable_delivery()->clear_ack_deadline();

  leases_.Add(response, start_);

  EXPECT_EQ(leases_.NextDue(), start_ + milliseconds(500));
}

TEST_F(LeasesTest, SettlesAWholeDeliveryWithoutNamingItsEvents) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 3), start_);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    Done(delivery, sequence);
  }

  EXPECT_THAT(Tell(start_), ElementsAre("d1 DONE"));
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, SettlesTheDoneEventsOfADeliveryTogether) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 4), start_);
  Done(delivery, 1);
  Done(delivery, 3);

  EXPECT_THAT(Tell(start_), ElementsAre("d1 DONE 1 3"));
  Done(delivery, 2);
  Done(delivery, 4);
  EXPECT_THAT(Tell(start_), ElementsAre("d1 DONE 2 4"));
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, TellsDelayAndReason) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 3), start_);
  leases_.Settle({.delivery = delivery, .sequence = 1},
                 Handled::Retry({.delay = absl::Milliseconds(1500),
                                 .reason = "database is away"}));
  leases_.Settle({.delivery = delivery, .sequence = 2}, Handled::Retry());
  leases_.Settle({.delivery = delivery, .sequence = 3},
                 Handled::DeadLetter("no such customer"));

  const Leases::Batch batch = leases_.TakeBatch(start_);

  EXPECT_EQ(batch.request.subscription(), "billing");
  ASSERT_THAT(batch.request.settlements(), SizeIs(3));
  for (const v1::Settlement& settlement : batch.request.settlements()) {
    switch (settlement.sequences(0)) {
      case 1:
        EXPECT_EQ(settlement.action(), v1::ACK_ACTION_RETRY);
        EXPECT_EQ(settlement.delay().seconds(), 1);
        EXPECT_EQ(settlement.delay().nanos(), 500'000'000);
        EXPECT_EQ(settlement.reason(), "database is away");
        break;
      case 2:
        EXPECT_EQ(settlement.action(), v1::ACK_ACTION_RETRY);
        EXPECT_FALSE(settlement.has_delay());
        break;
      default:
        EXPECT_EQ(settlement.action(), v1::ACK_ACTION_DEAD_LETTER);
        EXPECT_EQ(settlement.reason(), "no such customer");
    }
  }
}

TEST_F(LeasesTest, KeepsDelaysAndReasonsWithinWhatTheRelayTakes) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  leases_.Settle({.delivery = delivery, .sequence = 1},
                 Handled::Retry({.delay = absl::InfiniteDuration()}));
  leases_.Settle({.delivery = delivery, .sequence = 2},
                 Handled::Retry({.delay = absl::Seconds(-1),
                                 .reason = std::string(2000, '\xFF')}));

  const Leases::Batch batch = leases_.TakeBatch(start_);

  ASSERT_THAT(batch.request.settlements(), SizeIs(2));
  const bool swapped = batch.request.settlements(0).sequences(0) == 2;
  EXPECT_EQ(batch.request.settlements(swapped ? 1 : 0).delay().seconds(),
            7 * 24 * 3600);
  const v1::Settlement& second = batch.request.settlements(swapped ? 0 : 1);
  EXPECT_EQ(second.delay().seconds(), 0);
  EXPECT_EQ(second.reason(), std::string(Leases::kReasonBytesMax, '?'));
}

TEST_F(LeasesTest, ReleasesWithoutWaitingForMore) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 3), start_);
  leases_.Release({.delivery = delivery, .sequence = 2});
  leases_.Release({.delivery = delivery, .sequence = 3});

  EXPECT_EQ(leases_.NextDue(), SteadyTime::min());
  EXPECT_THAT(Tell(start_), ElementsAre("d1 RELEASE 2 3"));
}

TEST_F(LeasesTest, SaysNothingOfDroppedEvents) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  leases_.Drop({.delivery = delivery, .sequence = 1});
  leases_.Drop({.delivery = delivery, .sequence = 2});

  EXPECT_TRUE(leases_.empty());
  EXPECT_EQ(leases_.NextDue(), SteadyTime::max());
}

TEST_F(LeasesTest, ExtendsAtHalfOfTheLease) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  EXPECT_EQ(leases_.NextDue(), start_ + seconds(15));
  EXPECT_THAT(Tell(start_ + milliseconds(14'999)), IsEmpty());

  EXPECT_THAT(Tell(start_ + seconds(16)), ElementsAre("d1 EXTEND"));

  EXPECT_EQ(leases_.NextDue(), start_ + seconds(31));
  EXPECT_TRUE(leases_.Holds(delivery, start_ + milliseconds(45'999)));
  EXPECT_FALSE(leases_.Holds(delivery, start_ + seconds(46)));
}

TEST_F(LeasesTest, ExtendsOnlyWhatIsOpen) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 3), start_);
  leases_.Add(DeliveryOf("d2", 4, 4), start_ + seconds(10));
  Done(delivery, 1);
  leases_.Drop({.delivery = delivery, .sequence = 3});

  EXPECT_THAT(Tell(start_ + seconds(20)),
              ElementsAre("d1 EXTEND 2", "d1 DONE 1"));
  Done(delivery, 2);
  EXPECT_THAT(Tell(start_ + seconds(24)), ElementsAre("d1 DONE 2"));
  EXPECT_EQ(leases_.NextDue(), start_ + seconds(25));
}

TEST_F(LeasesTest, LosesALeaseThatTheRelayDoesNotExtend) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  const Leases::Batch batch = leases_.TakeBatch(start_ + seconds(15));

  leases_.Answer(batch, AnswerWith({v1::SETTLEMENT_STATUS_LEASE_LOST}));

  EXPECT_FALSE(leases_.Holds(delivery, start_ + seconds(15)));
  EXPECT_EQ(leases_.NextDue(), SteadyTime::max());
}

TEST_F(LeasesTest, ExtendsAgainAtOnceWhenTheCallFailed) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  const Leases::Batch batch = leases_.TakeBatch(start_ + seconds(15));

  leases_.GiveBack(batch, start_ + seconds(20));

  EXPECT_EQ(leases_.NextDue(), start_ + seconds(20));
  EXPECT_THAT(Tell(start_ + seconds(21)), ElementsAre("d1 EXTEND"));
  EXPECT_TRUE(leases_.Holds(delivery, start_ + seconds(50)));
}

TEST_F(LeasesTest, GathersWhatIsSettledWhileABatchIsOut) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 3), start_);
  Done(delivery, 1);
  const Leases::Batch batch = leases_.TakeBatch(start_);
  Done(delivery, 2);
  Done(delivery, 3);

  leases_.GiveBack(batch, start_);

  EXPECT_THAT(Tell(start_), ElementsAre("d1 DONE"));
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, TellsEachKindAgainWhenTheCallFailed) {
  const uint64_t first = leases_.Add(DeliveryOf("d1", 1, 1), start_);
  const uint64_t second = leases_.Add(DeliveryOf("d2", 2, 2), start_);
  leases_.Settle({.delivery = first, .sequence = 1},
                 Handled::DeadLetter("broken"));
  leases_.Release({.delivery = second, .sequence = 2});
  leases_.GiveBack(leases_.TakeBatch(start_), start_);

  const Leases::Batch batch = leases_.TakeBatch(start_);

  EXPECT_THAT(Summaries(batch.request),
              ElementsAre("d1 DEAD_LETTER 1", "d2 RELEASE"));
  EXPECT_EQ(batch.request.settlements(0).reason(), "broken");
}

TEST_F(LeasesTest, RemembersWhatIsDoneUntilTheRelayKnows) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 1), start_);
  Done(delivery, 1);
  EXPECT_TRUE(leases_.IsDone(1));
  leases_.GiveBack(leases_.TakeBatch(start_), start_ + minutes(5));
  EXPECT_TRUE(leases_.IsDone(1));

  Tell(start_ + minutes(5));

  EXPECT_FALSE(leases_.IsDone(1));
}

TEST_F(LeasesTest, GivesUpOnAFailureWhenItsLeaseIsOver) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  leases_.Settle({.delivery = delivery, .sequence = 1}, Handled::Retry());
  leases_.Release({.delivery = delivery, .sequence = 2});

  const auto late =
      leases_.GiveBack(leases_.TakeBatch(start_), start_ + seconds(30));

  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(Summary(late[0].settlement), "d1 RETRY 1");
  EXPECT_EQ(late[0].status, v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, GivesUpOnDoneTenMinutesAfterItsLease) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  Done(delivery, 1);
  Done(delivery, 2);
  const SteadyTime end = start_ + seconds(30) + minutes(10);
  EXPECT_THAT(leases_.GiveBack(leases_.TakeBatch(start_), end - seconds(1)),
              IsEmpty());

  const auto late = leases_.GiveBack(leases_.TakeBatch(start_), end);

  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(Summary(late[0].settlement), "d1 DONE 1 2");
  EXPECT_FALSE(leases_.IsDone(1));
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, ReturnsTheResultsThatCameLate) {
  const uint64_t first = leases_.Add(DeliveryOf("d1", 1, 2), start_);
  const uint64_t second = leases_.Add(DeliveryOf("d2", 3, 4), start_);
  Done(first, 1);
  Done(first, 2);
  Done(second, 3);
  leases_.Release({.delivery = second, .sequence = 4});
  const Leases::Batch batch = leases_.TakeBatch(start_);
  ASSERT_THAT(Summaries(batch.request),
              ElementsAre("d1 DONE", "d2 DONE 3", "d2 RELEASE 4"));

  const auto late = leases_.Answer(
      batch,
      AnswerWith({v1::SETTLEMENT_STATUS_LATE, v1::SETTLEMENT_STATUS_LEASE_LOST,
                  v1::SETTLEMENT_STATUS_LEASE_LOST}));

  ASSERT_THAT(late, SizeIs(2));
  EXPECT_EQ(Summary(late[0].settlement), "d1 DONE 1 2");
  EXPECT_EQ(late[0].status, v1::SETTLEMENT_STATUS_LATE);
  EXPECT_EQ(Summary(late[1].settlement), "d2 DONE 3");
  EXPECT_EQ(late[1].status, v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, ForgetsABatchThatWasRefused) {
  const uint64_t delivery = leases_.Add(DeliveryOf("d1", 1, 1), start_);
  Done(delivery, 1);

  leases_.Forget(leases_.TakeBatch(start_));

  EXPECT_TRUE(leases_.empty());
  EXPECT_FALSE(leases_.IsDone(1));
}

TEST_F(LeasesTest, TellsAtMostAThousandSettlementsInOneCall) {
  for (uint64_t sequence = 1; sequence <= 2500; ++sequence) {
    Done(leases_.Add(DeliveryOf("d", sequence, sequence), start_), sequence);
  }

  EXPECT_THAT(Tell(start_), SizeIs(1000));
  EXPECT_THAT(Tell(start_), SizeIs(1000));
  EXPECT_THAT(Tell(start_), SizeIs(500));
  EXPECT_TRUE(leases_.empty());
}

TEST_F(LeasesTest, KeepsCallsBelowAMebibyte) {
  constexpr uint64_t kEvents = 1500;
  const uint64_t delivery = leases_.Add(DeliveryOf("d", 1, kEvents), start_);
  for (uint64_t sequence = 1; sequence <= kEvents; ++sequence) {
    leases_.Settle({.delivery = delivery, .sequence = sequence},
                   Handled::DeadLetter(std::string(1024, 'x')));
  }

  size_t told = 0;
  int calls = 0;
  while (!leases_.empty()) {
    const Leases::Batch batch = leases_.TakeBatch(start_);
    EXPECT_THAT(batch.request.ByteSizeLong(), Le(Leases::kBatchBytesMax));
    told += batch.entries.size();
    calls += 1;
    leases_.Answer(batch, AnswerWith(std::vector<v1::SettlementStatus>(
                              batch.entries.size(), v1::SETTLEMENT_STATUS_OK)));
  }

  EXPECT_EQ(told, kEvents);
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace enveloperelay::client
