#include "server/readiness.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "tests/support/memory_event_log.h"

namespace enveloperelay {
namespace {

TEST(ReadinessTest, IsStartingAtFirst) {
  const Readiness readiness;
  EXPECT_EQ(readiness.Get(), absl::UnavailableError("starting"));
}

TEST(ReadinessTest, IsAsReadyAsTheLogIsHealthyWhileServing) {
  testing::MemoryEventLog log;
  Readiness readiness;
  readiness.SetServing(log);
  EXPECT_TRUE(readiness.Get().ok());
  log.SetHealth(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(readiness.Get(), absl::ResourceExhaustedError("disk full"));
  log.SetHealth(absl::OkStatus());
  EXPECT_TRUE(readiness.Get().ok());
}

TEST(ReadinessTest, IsDrainingAfterThat) {
  testing::MemoryEventLog log;
  Readiness readiness;
  readiness.SetServing(log);
  readiness.SetDraining();
  EXPECT_EQ(readiness.Get(), absl::UnavailableError("draining"));
}

TEST(ReadinessTest, KeepsTheReasonWhenItDrainsBecauseTheLogHasFailed) {
  testing::MemoryEventLog log;
  Readiness readiness;
  readiness.SetServing(log);
  log.SetHealth(absl::UnavailableError("storage has failed"));
  readiness.SetDraining();
  EXPECT_EQ(readiness.Get(), absl::UnavailableError("storage has failed"));
}

}  // namespace
}  // namespace enveloperelay
