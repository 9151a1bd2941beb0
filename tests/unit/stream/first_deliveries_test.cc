#include "server/stream/first_deliveries.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/sequence.h"
#include "server/stream/response.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Sequences = std::vector<uint64_t>;

// Hands these out; returns those that are handed out for the first time.
Sequences Take(FirstDeliveries& deliveries, const Sequences& sequences) {
  std::vector<BatchEvent> events;
  for (const uint64_t sequence : sequences) {
    events.push_back({.sequence = Sequence{sequence}});
  }
  Sequences first;
  deliveries.Take(events, [&first](const BatchEvent& event) {
    first.push_back(event.sequence.value);
  });
  return first;
}

Sequences Range(uint64_t first, uint64_t last) {
  Sequences sequences;
  for (uint64_t i = first; i <= last; ++i) sequences.push_back(i);
  return sequences;
}

TEST(FirstDeliveriesTest, TellsOfEachEventOnce) {
  FirstDeliveries deliveries(Sequence{0});
  EXPECT_EQ(Take(deliveries, Range(1, 100)), Range(1, 100));
  EXPECT_THAT(Take(deliveries, Range(1, 100)), IsEmpty());
  EXPECT_EQ(Take(deliveries, Range(50, 150)), Range(101, 150));
  EXPECT_THAT(Take(deliveries, {}), IsEmpty());
}

TEST(FirstDeliveriesTest, TellsOfWhatWasPassedOver) {
  FirstDeliveries deliveries(Sequence{0});
  EXPECT_THAT(Take(deliveries, {2, 33, 70}), ElementsAre(2, 33, 70));
  EXPECT_THAT(Take(deliveries, {1, 2, 3, 32, 33, 34, 70}),
              ElementsAre(1, 3, 32, 34));
}

TEST(FirstDeliveriesTest, TellsOfNothingThatWasThereAtTheStart) {
  FirstDeliveries deliveries(Sequence{1000});
  EXPECT_EQ(Take(deliveries, Range(900, 1100)), Range(1001, 1100));
}

TEST(FirstDeliveriesTest, TellsOfAnEventThatNobodyTookForLong) {
  FirstDeliveries deliveries(Sequence{0});
  constexpr uint64_t kLate = 10 * FirstDeliveries::kEvents;
  EXPECT_EQ(Take(deliveries, Range(1, 10)), Range(1, 10));
  // What lies between was handed to nobody, and this is later than it all.
  EXPECT_EQ(Take(deliveries, Range(kLate, kLate + 10)),
            Range(kLate, kLate + 10));
}

TEST(FirstDeliveriesTest, RemembersAsManyEventsAsItSays) {
  FirstDeliveries deliveries(Sequence{0});
  const Sequences all = Range(1, FirstDeliveries::kEvents);
  EXPECT_THAT(Take(deliveries, all), SizeIs(FirstDeliveries::kEvents));
  EXPECT_THAT(Take(deliveries, all), IsEmpty());
}

TEST(FirstDeliveriesTest, TellsOfNothingThatItHasForgotten) {
  FirstDeliveries deliveries(Sequence{0});
  EXPECT_THAT(Take(deliveries, {1}), ElementsAre(1));
  EXPECT_THAT(Take(deliveries, {1 + FirstDeliveries::kEvents}), SizeIs(1));
  EXPECT_THAT(Take(deliveries, {1, 2}), IsEmpty());
}

TEST(FirstDeliveriesTest, BlocksMayBeMoreThan32BitsCount) {
  constexpr uint64_t kWrap = uint64_t{32} << 32;
  FirstDeliveries deliveries(Sequence{kWrap - 100});
  EXPECT_EQ(Take(deliveries, Range(kWrap - 99, kWrap + 100)),
            Range(kWrap - 99, kWrap + 100));
  EXPECT_THAT(Take(deliveries, Range(kWrap - 99, kWrap + 100)), IsEmpty());
}

}  // namespace
}  // namespace enveloperelay
