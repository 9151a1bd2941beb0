#include "client/service_config.h"

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "grpc/impl/codegen/grpc_types.h"
#include "grpcpp/support/channel_arguments.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;

constexpr char kRoundRobin[] =
    R"({"loadBalancingConfig": [{"round_robin": {}}]})";

TEST(ServiceConfigTest, TakesOneThatGrpcTakesOrNone) {
  EXPECT_TRUE(CheckServiceConfig("").ok());
  EXPECT_TRUE(CheckServiceConfig(kRoundRobin).ok());
}

TEST(ServiceConfigTest, SaysWhatGrpcDoesNotTake) {
  EXPECT_TRUE(absl::IsInvalidArgument(CheckServiceConfig("round_robin")));
  const absl::Status status = CheckServiceConfig(
      R"({"methodConfig": [{"name": [{"service": "a"}],
          "retryPolicy": {"maxAttempts": 1}}]})");
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("maxAttempts"));
}

TEST(ServiceConfigTest, IsAnArgumentOfTheChannel) {
  grpc::ChannelArguments args;
  SetServiceConfig("", args);
  const size_t before = args.c_channel_args().num_args;
  SetServiceConfig(kRoundRobin, args);
  const grpc_channel_args all = args.c_channel_args();
  ASSERT_EQ(all.num_args, before + 1);
  EXPECT_STREQ(all.args[before].key, GRPC_ARG_SERVICE_CONFIG);
  EXPECT_STREQ(all.args[before].value.string, kRoundRobin);
}

}  // namespace
}  // namespace enveloperelay::client
