#include "client/envelopectl/command_line.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;

TEST(ConsumeOptionsTest, PrintsByDefault) {
  const auto consume = ParseAs<ConsumeCommand>({"consume", "billing"});

  EXPECT_EQ(consume.request.subscription(), "billing");
  EXPECT_EQ(consume.request.view(), v1::EVENT_VIEW_FULL);
  EXPECT_EQ(consume.handling, Handling::kPrint);
  EXPECT_EQ(consume.concurrency, 1);
  EXPECT_EQ(consume.limit, 0);
}

TEST(ConsumeOptionsTest, ExecutesACommand) {
  const auto consume = ParseAs<ConsumeCommand>(
      {"consume", "billing", "--exec", "jq . | ./book", "--worker-id", "w",
       "--concurrency", "4", "--max-outstanding", "8", "--limit", "2", "--view",
       "basic"});

  EXPECT_EQ(consume.handling, Handling::kExecute);
  EXPECT_EQ(consume.execute, "jq . | ./book");
  EXPECT_EQ(consume.request.worker_id(), "w");
  EXPECT_EQ(consume.request.max_outstanding_events(), 8);
  EXPECT_EQ(consume.request.view(), v1::EVENT_VIEW_BASIC);
  EXPECT_EQ(consume.concurrency, 4);
  EXPECT_EQ(consume.limit, 2);
}

TEST(ConsumeOptionsTest, ForwardsToAnAddress) {
  const auto consume = ParseAs<ConsumeCommand>(
      {"consume", "billing", "--forward", "http://localhost:3000/hooks?a=b"});

  EXPECT_EQ(consume.handling, Handling::kForward);
  EXPECT_EQ(consume.forward.Authority(), "localhost:3000");
  EXPECT_EQ(consume.forward.path, "/hooks?a=b");
}

TEST(ConsumeOptionsTest, SaysWhatIsWrong) {
  const auto refused = [](Arguments arguments) {
    arguments.insert(arguments.begin(), {"consume", "billing"});
    const Exit exit = ParseToExit(arguments);
    EXPECT_EQ(exit.code, 2);
    return exit.text;
  };

  EXPECT_THAT(refused({"--forward", "ftp://localhost"}),
              HasSubstr("its scheme is neither http nor https"));
  EXPECT_THAT(refused({"--forward", "http://h/a b"}),
              HasSubstr("printable ASCII"));
  EXPECT_THAT(refused({"--forward", "http://h", "--exec", "true"}),
              HasSubstr("excludes"));
  EXPECT_THAT(refused({"--forward", "http://h", "--view", "basic"}),
              HasSubstr("excludes"));
  EXPECT_THAT(refused({"--exec", ""}), HasSubstr("must not be empty"));
  EXPECT_THAT(refused({"--concurrency", "0"}), HasSubstr("--concurrency"));
  EXPECT_THAT(refused({"--max-outstanding", "100001"}),
              HasSubstr("--max-outstanding"));
  EXPECT_THAT(refused({"--limit", "0"}), HasSubstr("--limit"));
}

}  // namespace
}  // namespace enveloperelay::client
