#include "server/base/log_limit.h"

#include <gtest/gtest.h>

#include <optional>

#include "absl/time/time.h"

namespace enveloperelay {
namespace {

constexpr absl::Time kStart = absl::FromUnixSeconds(1'000'000);

TEST(LogLimitTest, LetsOneThroughAnIntervalAndCountsTheOthers) {
  LogLimit limit(absl::Seconds(1));
  EXPECT_EQ(limit.Admit(kStart), 0);
  EXPECT_EQ(limit.Admit(kStart), std::nullopt);
  EXPECT_EQ(limit.Admit(kStart + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.Admit(kStart + absl::Seconds(1)), 2);
  EXPECT_EQ(limit.Admit(kStart + absl::Seconds(5)), 0);
}

TEST(LogLimitTest, IsNotSilencedByAClockThatIsSetBack) {
  LogLimit limit(absl::Seconds(1));
  EXPECT_EQ(limit.Admit(kStart), 0);
  EXPECT_EQ(limit.Admit(kStart - absl::Hours(1)), 0);
  EXPECT_EQ(limit.Admit(kStart - absl::Hours(1)), std::nullopt);
}

}  // namespace
}  // namespace enveloperelay
