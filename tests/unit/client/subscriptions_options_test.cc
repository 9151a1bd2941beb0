#include <cstdint>
#include <string>

#include "client/envelopectl/command_line.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

v1::CreateSubscriptionRequest Create(Arguments arguments) {
  arguments.insert(arguments.begin(), {"subscriptions", "create"});
  return ParseAs<v1::CreateSubscriptionRequest>(arguments);
}

v1::UpdateSubscriptionRequest Update(Arguments arguments) {
  arguments.insert(arguments.begin(), {"subscriptions", "update"});
  return ParseAs<v1::UpdateSubscriptionRequest>(arguments);
}

v1::SeekSubscriptionRequest Seek(const std::string& from) {
  return ParseAs<v1::SeekSubscriptionRequest>(
      {"subscriptions", "seek", "billing", "--from", from});
}

TEST(SubscriptionsOptionsTest, CreatesWithTheRelaysDefaults) {
  v1::CreateSubscriptionRequest expected;
  expected.mutable_subscription()->set_name("billing");

  EXPECT_EQ(Create({"billing"}).SerializeAsString(),
            expected.SerializeAsString());
}

TEST(SubscriptionsOptionsTest, CreatesWithAllThatIsGiven) {
  const v1::Subscription subscription =
      Create({"billing", "--type",         "completed", "--hook-id",
              "h",       "--ack-deadline", "1m30s",     "--max-attempts",
              "20",      "--min-backoff",  "500ms",     "--max-backoff",
              "1h",      "--order",        "none",      "--expire-after",
              "7d",      "--paused",       "--label",   "owner=billing",
              "--label", "note=a=b"})
          .subscription();

  EXPECT_THAT(subscription.filter().types(),
              ElementsAre(v1::EVENT_TYPE_ENVELOPE_COMPLETED));
  EXPECT_THAT(subscription.filter().hook_ids(), ElementsAre("h"));
  EXPECT_EQ(subscription.ack_deadline().seconds(), 90);
  EXPECT_EQ(subscription.max_attempts(), 20);
  EXPECT_EQ(subscription.min_backoff().nanos(), 500'000'000);
  EXPECT_EQ(subscription.max_backoff().seconds(), 3600);
  EXPECT_EQ(subscription.order(), v1::DELIVERY_ORDER_NONE);
  EXPECT_EQ(subscription.expire_after().seconds(), 7 * 24 * 3600);
  EXPECT_TRUE(subscription.paused());
  EXPECT_THAT(
      subscription.labels(),
      UnorderedElementsAre(Pair("owner", "billing"), Pair("note", "a=b")));
}

TEST(SubscriptionsOptionsTest, CreatesAtAPlace) {
  EXPECT_EQ(Create({"billing", "--from", "earliest"}).subscription().start(),
            v1::START_POSITION_EARLIEST);
  EXPECT_EQ(Create({"billing", "--from", "2026-07-17T08:00:00Z"})
                .subscription()
                .start_time()
                .seconds(),
            1'784'275'200);
}

TEST(SubscriptionsOptionsTest, TakesAttemptsWithoutLimit) {
  EXPECT_EQ(Create({"billing", "--max-attempts", "unlimited"})
                .subscription()
                .max_attempts(),
            -1);
}

TEST(SubscriptionsOptionsTest, TakesANameThatIsACommand) {
  EXPECT_EQ(Create({"list"}).subscription().name(), "list");
}

TEST(SubscriptionsOptionsTest, UpdatesWhatIsGivenAndNothingElse) {
  const v1::UpdateSubscriptionRequest request =
      Update({"billing", "--max-attempts", "0", "--uid", "u", "--etag", "e"});

  EXPECT_THAT(request.update_mask().paths(),
              UnorderedElementsAre("max_attempts", "filter"));
  EXPECT_THAT(request.subscription().filter().uids(), ElementsAre("u"));
  EXPECT_EQ(request.subscription().max_attempts(), 0);
  EXPECT_EQ(request.subscription().etag(), "e");
  EXPECT_FALSE(request.allow_missing());
}

TEST(SubscriptionsOptionsTest, UpdatesEveryProperty) {
  const v1::UpdateSubscriptionRequest request = Update(
      {"billing", "--type", "voided", "--ack-deadline", "10s", "--max-attempts",
       "3", "--min-backoff", "2s", "--max-backoff", "4s", "--order",
       "by-envelope", "--paused", "--expire-after", "1d", "--label", "a=b"});

  EXPECT_THAT(request.update_mask().paths(),
              UnorderedElementsAre("filter", "ack_deadline", "max_attempts",
                                   "min_backoff", "max_backoff", "order",
                                   "paused", "expire_after", "labels"));
  EXPECT_TRUE(request.subscription().paused());
}

TEST(SubscriptionsOptionsTest, ResetsToDefaults) {
  const v1::UpdateSubscriptionRequest request =
      Update({"billing", "--reset", "filter", "--reset", "label"});

  EXPECT_THAT(request.update_mask().paths(),
              UnorderedElementsAre("filter", "labels"));
  EXPECT_FALSE(request.subscription().has_filter());
}

TEST(SubscriptionsOptionsTest, DeclaresASubscription) {
  const v1::UpdateSubscriptionRequest request =
      Update({"billing", "--allow-missing", "--from", "earliest"});

  EXPECT_TRUE(request.allow_missing());
  EXPECT_EQ(request.subscription().start(), v1::START_POSITION_EARLIEST);
  // An existing one stays where it is.
  EXPECT_THAT(request.update_mask().paths(), IsEmpty());
}

TEST(SubscriptionsOptionsTest, PausesAndResumes) {
  const auto pause = ParseAs<v1::UpdateSubscriptionRequest>(
      {"subscriptions", "pause", "billing"});
  const auto resume = ParseAs<v1::UpdateSubscriptionRequest>(
      {"subscriptions", "resume", "billing"});

  EXPECT_THAT(pause.update_mask().paths(), ElementsAre("paused"));
  EXPECT_TRUE(pause.subscription().paused());
  EXPECT_THAT(resume.update_mask().paths(), ElementsAre("paused"));
  EXPECT_FALSE(resume.subscription().paused());
  EXPECT_EQ(resume.subscription().name(), "billing");
}

TEST(SubscriptionsOptionsTest, SeeksToEachKindOfPlace) {
  const std::string cursor = "AQAAAAAAAAAB-_AAAAAAAAAq3q2-";

  EXPECT_EQ(Seek("earliest").start(), v1::START_POSITION_EARLIEST);
  EXPECT_EQ(Seek("latest").start(), v1::START_POSITION_LATEST);
  EXPECT_EQ(Seek("2026-07-17T08:00:00Z").time().seconds(), 1'784'275'200);
  EXPECT_EQ(Seek(cursor).cursor(), cursor);
  EXPECT_EQ(Seek(cursor).name(), "billing");
}

TEST(SubscriptionsOptionsTest, GetsListsAndDeletes) {
  EXPECT_EQ(
      ParseAs<v1::GetSubscriptionRequest>({"subscriptions", "get", "billing"})
          .name(),
      "billing");
  ParseAs<ListSubscriptionsCommand>({"subscriptions", "list"});
  const auto remove = ParseAs<v1::DeleteSubscriptionRequest>(
      {"subscriptions", "delete", "billing", "--etag", "e"});
  EXPECT_EQ(remove.name(), "billing");
  EXPECT_EQ(remove.etag(), "e");
}

TEST(SubscriptionsOptionsTest, TakesCommonOptionsBehindTheCommand) {
  EXPECT_EQ(Parse({"subscriptions", "list", "--grpc", "relay:1"}).grpc,
            "relay:1");
}

TEST(SubscriptionsOptionsTest, PrintsHelpOfEachCommand) {
  for (const char* const command : {"create", "get", "list", "update", "delete",
                                    "seek", "pause", "resume"}) {
    const Exit exit = ParseToExit({"subscriptions", command, "--help"});

    EXPECT_EQ(exit.code, 0);
    EXPECT_THAT(exit.text, HasSubstr(std::string("subscriptions ") + command));
  }
}

// Arguments that are refused, and what the message says of them.
struct Refused {
  const char* name;
  Arguments arguments;
  const char* message;
};

class RefusedSubscriptionsOptionsTest
    : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedSubscriptionsOptionsTest, SaysWhatIsWrong) {
  Arguments arguments = GetParam().arguments;
  arguments.insert(arguments.begin(), "subscriptions");

  const Exit exit = ParseToExit(arguments);

  EXPECT_EQ(exit.code, 2);
  EXPECT_THAT(exit.text,
              AllOf(HasSubstr("envelopectl: "), HasSubstr(GetParam().message),
                    HasSubstr("Run 'envelopectl subscriptions")));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedSubscriptionsOptionsTest,
    ::testing::Values(
        Refused{"NoCommand", {}, "subcommand is required"},
        Refused{"NoName", {"create"}, "NAME"},
        Refused{"Cursor",
                {"create", "a", "--from", "AQAAAAAAAAAB-_AAAAAAAAAq3q2-"},
                "seek takes a cursor"},
        Refused{"Deadline", {"create", "a", "--ack-deadline", "30"}, "10m"},
        Refused{"Negative", {"create", "a", "--min-backoff=-1s"}, "'-1s'"},
        Refused{"Attempts", {"create", "a", "--max-attempts=-2"}, "unlimited"},
        Refused{"Order", {"create", "a", "--order", "any"}, "--order"},
        Refused{"Label", {"create", "a", "--label", "x"}, "KEY=VALUE"},
        Refused{"NothingToUpdate", {"update", "a"}, "what to change"},
        Refused{"EtagAlone", {"update", "a", "--etag", "e"}, "what to change"},
        Refused{"Reset", {"update", "a", "--reset", "name"}, "allowed are"},
        Refused{"ResetAndGiven",
                {"update", "a", "--reset", "filter", "--uid", "u"},
                "'filter' is given a value"},
        Refused{"FromOfExisting",
                {"update", "a", "--paused", "--from", "latest"},
                "subscriptions seek"},
        Refused{"SeekNowhere", {"seek", "a"}, "--from"},
        Refused{"SeekWrong", {"seek", "a", "--from", "now"}, "'now'"}),
    [](const ::testing::TestParamInfo<Refused>& test) {
      return std::string(test.param.name);
    });

}  // namespace
}  // namespace enveloperelay::client
