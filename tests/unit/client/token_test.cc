#include "client/envelopectl/token.h"

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/client/parsed_arguments.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(TokenTest, IsOf256RandomBits) {
  EXPECT_THAT(RandomToken(), MatchesRegex("ert_[A-Za-z0-9_-]{43}"));
  EXPECT_NE(RandomToken(), RandomToken());
}

TEST(TokenTest, ItsLineHasItsHash) {
  EXPECT_EQ(TokenLine("billing", "abc", absl::InfiniteFuture()),
            "billing sha256:ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(TokenLine("billing", "abc", absl::FromUnixSeconds(1'800'000'000)),
            "billing sha256:ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad 2027-01-15T08:00:00Z");
}

TEST(TokenTest, ExpiresAfterADurationOrAtATime) {
  EXPECT_EQ(ParseAs<CreateTokenCommand>({"token", "create", "billing"}).expires,
            absl::InfiniteFuture());
  const absl::Time before = absl::Now();
  const auto command = ParseAs<CreateTokenCommand>(
      {"token", "create", "billing", "--expires", "90d"});
  EXPECT_EQ(command.name, "billing");
  EXPECT_GE(command.expires, before + absl::Hours(24 * 90));
  EXPECT_LE(command.expires, absl::Now() + absl::Hours(24 * 90));
  EXPECT_EQ(ParseAs<CreateTokenCommand>({"token", "create", "billing",
                                         "--expires", "2999-01-01T00:00:00Z"})
                .expires,
            absl::FromCivil(absl::CivilDay(2999, 1, 1), absl::UTCTimeZone()));
}

TEST(TokenTest, RefusesWhatTheRelayWould) {
  EXPECT_THAT(ParseToExit({"token", "create", "bil:ling"}).text,
              HasSubstr("letters, digits"));
  EXPECT_THAT(
      ParseToExit({"token", "create", "billing", "--expires", "soon"}).text,
      HasSubstr("neither a duration"));
  EXPECT_THAT(ParseToExit({"token", "create", "billing", "--expires",
                           "2020-01-01T00:00:00Z"})
                  .text,
              HasSubstr("has passed"));
}

}  // namespace
}  // namespace enveloperelay::client
