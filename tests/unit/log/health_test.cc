#include "server/log/health.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

TEST(HealthTest, ReportsTheFirstFailureOnce) {
  std::vector<std::string> reported;
  Health health([&reported](const absl::Status& failure) {
    reported.emplace_back(failure.message());
  });
  EXPECT_TRUE(health.Get().ok());
  health.Fail(absl::DataLossError("first"));
  health.Fail(absl::DataLossError("second"));
  EXPECT_EQ(health.Get().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(health.Get(), health.failure());
  EXPECT_THAT(reported, ::testing::ElementsAre(::testing::HasSubstr("first")));
}

TEST(HealthTest, AFullDiskPasses) {
  Health health(nullptr);
  health.SetRoom(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(health.Get().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(health.failure().ok());
  health.SetRoom(absl::OkStatus());
  EXPECT_TRUE(health.Get().ok());
}

TEST(HealthTest, AFailureOutweighsAFullDisk) {
  Health health(nullptr);
  health.Fail(absl::DataLossError("failed"));
  health.SetRoom(absl::ResourceExhaustedError("full"));
  EXPECT_EQ(health.Get().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace enveloperelay
