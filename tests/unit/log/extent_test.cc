#include "server/log/extent.h"

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

// Record number `sequence`, received at as many microseconds.
Position At(uint64_t sequence) {
  return {.sequence = {sequence},
          .end_offset = sequence * 100,
          .receive_time_micros = static_cast<int64_t>(sequence)};
}

TEST(ExtentTest, IsEmptyWhereFloorAndLastMeet) {
  const Extent extent(LogId{1}, At(7), At(7), 0);
  EXPECT_TRUE(extent.bounds().empty());
  EXPECT_EQ(extent.bounds().earliest, Sequence{8});
  EXPECT_EQ(extent.bounds().latest_time, absl::InfinitePast());
  EXPECT_FALSE(extent.IsRetained(Sequence{7}));
}

TEST(ExtentTest, ItsFirstRecordIsTheEarliest) {
  Extent extent(LogId{1}, At(7), At(7), 0);
  extent.Append(At(9), 8);
  extent.Append(At(12), 10);
  EXPECT_EQ(extent.bounds().earliest_time, absl::FromUnixMicros(8));
  EXPECT_EQ(extent.bounds().latest_time, absl::FromUnixMicros(12));
  EXPECT_FALSE(extent.IsRetained(Sequence{7}));
  EXPECT_TRUE(extent.IsRetained(Sequence{8}));
  EXPECT_TRUE(extent.IsRetained(Sequence{12}));
  EXPECT_FALSE(extent.IsRetained(Sequence{13}));
}

TEST(ExtentTest, TrimsTheOldest) {
  Extent extent(LogId{1}, At(0), At(9), 1);
  EXPECT_TRUE(extent.Trim(At(4), 5));
  EXPECT_EQ(extent.bounds().earliest, Sequence{5});
  EXPECT_EQ(extent.bounds().earliest_time, absl::FromUnixMicros(5));
  EXPECT_EQ(extent.floor(), At(4));
}

TEST(ExtentTest, TrimsEverythingAndGrowsAgain) {
  Extent extent(LogId{1}, At(0), At(9), 1);
  EXPECT_TRUE(extent.Trim(At(9), std::nullopt));
  EXPECT_TRUE(extent.bounds().empty());
  extent.Append(At(10), 10);
  EXPECT_EQ(extent.bounds().earliest_time, absl::FromUnixMicros(10));
}

TEST(ExtentTest, AsksForTheEarliestTimeWhenAnAppendCameBetween) {
  Extent extent(LogId{1}, At(0), At(9), 1);
  extent.Append(At(10), 10);
  EXPECT_FALSE(extent.Trim(At(9), std::nullopt));
  EXPECT_EQ(extent.bounds().earliest, Sequence{1});
  EXPECT_TRUE(extent.Trim(At(9), 10));
  EXPECT_EQ(extent.bounds().earliest, Sequence{10});
  EXPECT_EQ(extent.bounds().earliest_time, absl::FromUnixMicros(10));
}

}  // namespace
}  // namespace enveloperelay
