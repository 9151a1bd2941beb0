#include "server/ingress/denial_log.h"

#include <optional>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

TEST(DenialLogTest, HasOneLineASecondThatCountsTheOthers) {
  DenialLog log;
  const absl::Time start = absl::FromUnixSeconds(1000);
  EXPECT_EQ(log.Note(start), 0U);
  EXPECT_EQ(log.Note(start), std::nullopt);
  EXPECT_EQ(log.Note(start + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(log.Note(start + absl::Seconds(1)), 2U);
  EXPECT_EQ(log.Note(start + absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(log.Note(start + absl::Seconds(100)), 1U);
  EXPECT_EQ(log.Note(start + absl::Seconds(200)), 0U);
}

TEST(DenialLogTest, GoesOnWhenTheClockIsSetBack) {
  DenialLog log;
  EXPECT_EQ(log.Note(absl::FromUnixSeconds(1000)), 0U);
  EXPECT_EQ(log.Note(absl::FromUnixSeconds(10)), 0U);
  EXPECT_EQ(log.Note(absl::FromUnixSeconds(10)), std::nullopt);
}

}  // namespace
}  // namespace enveloperelay
