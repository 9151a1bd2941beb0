#include "client/envelopectl/command_line.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DeadLettersOptionsTest, ListsWithAView) {
  const auto list = ParseAs<v1::ListDeadLettersRequest>(
      {"dead-letters", "list", "billing", "--view", "basic"});

  EXPECT_EQ(list.subscription(), "billing");
  EXPECT_EQ(list.view(), v1::EVENT_VIEW_BASIC);
}

TEST(DeadLettersOptionsTest, ReplaysTheSequencesGiven) {
  const auto replay = ParseAs<v1::ReplayDeadLettersRequest>(
      {"dead-letters", "replay", "billing", "42", "57", "--dry-run"});

  EXPECT_EQ(replay.subscription(), "billing");
  EXPECT_THAT(replay.sequences(), ElementsAre(42, 57));
  EXPECT_FALSE(replay.all());
  EXPECT_TRUE(replay.dry_run());
}

TEST(DeadLettersOptionsTest, ReplaysAllUpToACount) {
  const auto replay = ParseAs<v1::ReplayDeadLettersRequest>(
      {"dead-letters", "replay", "billing", "--all", "--max-count", "9"});

  EXPECT_TRUE(replay.all());
  EXPECT_EQ(replay.max_count(), 9);
  EXPECT_FALSE(replay.dry_run());
}

TEST(DeadLettersOptionsTest, Deletes) {
  const auto some = ParseAs<v1::DeleteDeadLettersRequest>(
      {"dead-letters", "delete", "billing", "42"});
  const auto all = ParseAs<v1::DeleteDeadLettersRequest>(
      {"dead-letters", "delete", "billing", "--all"});

  EXPECT_THAT(some.sequences(), ElementsAre(42));
  EXPECT_FALSE(some.all());
  EXPECT_TRUE(all.all());
}

TEST(DeadLettersOptionsTest, AsksForTargets) {
  for (const char* const command : {"replay", "delete"}) {
    const Exit none = ParseToExit({"dead-letters", command, "billing"});
    const Exit both =
        ParseToExit({"dead-letters", command, "billing", "1", "--all"});
    const Exit wrong = ParseToExit({"dead-letters", command, "billing", "x"});

    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.text, HasSubstr("SEQUENCE or --all is required"));
    EXPECT_EQ(both.code, 2);
    EXPECT_THAT(both.text, HasSubstr("excludes"));
    EXPECT_EQ(wrong.code, 2);
    EXPECT_THAT(wrong.text, HasSubstr("SEQUENCE"));
  }
}

}  // namespace
}  // namespace enveloperelay::client
