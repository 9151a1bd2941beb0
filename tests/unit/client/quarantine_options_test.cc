#include "client/envelopectl/command_line.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(QuarantineOptionsTest, ListsNewestFirstUnlessToldOtherwise) {
  const auto list = ParseAs<v1::ListQuarantinedRequest>({"quarantine", "list"});
  const auto some = ParseAs<v1::ListQuarantinedRequest>(
      {"quarantine", "list", "--reason", "malformed-json", "--oldest-first"});

  EXPECT_FALSE(list.oldest_first());
  EXPECT_EQ(list.reason(), v1::QUARANTINE_REASON_UNSPECIFIED);
  EXPECT_TRUE(some.oldest_first());
  EXPECT_EQ(some.reason(), v1::QUARANTINE_REASON_MALFORMED_JSON);
}

TEST(QuarantineOptionsTest, GetsOne) {
  const auto get =
      ParseAs<v1::GetQuarantinedRequest>({"quarantine", "get", "abc"});

  EXPECT_EQ(get.id(), "abc");
  EXPECT_EQ(ParseToExit({"quarantine", "get"}).code, 2);
  EXPECT_EQ(ParseToExit({"quarantine", "get", "abc", "def"}).code, 2);
}

TEST(QuarantineOptionsTest, RetriesThoseGiven) {
  const auto retry = ParseAs<v1::RetryQuarantinedRequest>(
      {"quarantine", "retry", "abc", "def", "--dry-run"});

  EXPECT_THAT(retry.ids(), ElementsAre("abc", "def"));
  EXPECT_FALSE(retry.all());
  EXPECT_TRUE(retry.dry_run());
}

TEST(QuarantineOptionsTest, RetriesAllOfAReason) {
  const auto retry = ParseAs<v1::RetryQuarantinedRequest>(
      {"quarantine", "retry", "--all", "--reason", "NOT_AN_ENVELOPE_EVENT"});

  EXPECT_TRUE(retry.all());
  EXPECT_EQ(retry.reason(), v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
  EXPECT_FALSE(retry.dry_run());
}

TEST(QuarantineOptionsTest, Deletes) {
  const auto some =
      ParseAs<v1::DeleteQuarantinedRequest>({"quarantine", "delete", "abc"});
  const auto all =
      ParseAs<v1::DeleteQuarantinedRequest>({"quarantine", "delete", "--all"});

  EXPECT_THAT(some.ids(), ElementsAre("abc"));
  EXPECT_FALSE(some.all());
  EXPECT_TRUE(all.all());
}

TEST(QuarantineOptionsTest, AsksForTargets) {
  for (const char* const command : {"retry", "delete"}) {
    const Exit none = ParseToExit({"quarantine", command});
    const Exit both = ParseToExit({"quarantine", command, "abc", "--all"});
    const Exit reason = ParseToExit(
        {"quarantine", command, "abc", "--reason", "malformed_json"});

    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.text, HasSubstr("ID or --all is required"));
    EXPECT_EQ(both.code, 2);
    EXPECT_THAT(both.text, HasSubstr("excludes"));
    EXPECT_EQ(reason.code, 2);
    EXPECT_THAT(reason.text, HasSubstr("requires --all"));
  }
}

TEST(QuarantineOptionsTest, SaysWhichReasonsThereAre) {
  const Exit exit = ParseToExit({"quarantine", "list", "--reason", "boredom"});

  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.text, HasSubstr("there is no reason 'boredom'; allowed are "
                                   "malformed_json, unsupported_media_type, "
                                   "not_an_envelope_event"));
}

}  // namespace
}  // namespace enveloperelay::client
