#include "server/base/ticker.h"

#include <atomic>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"

namespace enveloperelay {
namespace {

TEST(TickerTest, CallsAgainAndAgainUntilItGoes) {
  std::atomic<int> calls = 0;
  auto ticker =
      std::make_unique<Ticker>(absl::Milliseconds(1), [&calls] { ++calls; });
  EXPECT_TRUE(testing::Eventually([&calls] { return calls >= 3; }));
  ticker.reset();
  const int last = calls;
  EXPECT_FALSE(testing::Eventually([&calls, last] { return calls > last; },
                                   absl::Milliseconds(20)));
}

TEST(TickerTest, GoesWithoutWaitingForItsInterval) {
  const absl::Time begin = absl::Now();
  {
    const Ticker ticker(absl::Hours(1), [] { FAIL(); });
  }
  EXPECT_LT(absl::Now() - begin, absl::Minutes(1));
}

}  // namespace
}  // namespace enveloperelay
