#include "server/ingress/rate_limit.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace enveloperelay {
namespace {

using Verdict = RateLimit::Verdict;

boost::asio::ip::address Address(std::string_view text) {
  return boost::asio::ip::make_address(std::string(text));
}

boost::asio::ip::address Numbered(uint32_t number) {
  return boost::asio::ip::address_v4(0x0B000000U + number);
}

class RateLimitTest : public ::testing::Test {
 protected:
  // How many of `tries` requests from there pass.
  static int Passing(RateLimit& limit, std::string_view address, int tries) {
    int passed = 0;
    for (int i = 0; i < tries; ++i) {
      passed += limit.Take(Address(address)) == Verdict::kPass ? 1 : 0;
    }
    return passed;
  }
  // How many wrong tokens from there are looked at, of `tries`.
  static int Guesses(RateLimit& limit, std::string_view address, int tries) {
    int looked_at = 0;
    for (int i = 0; i < tries; ++i) {
      if (!limit.MayGuess(Address(address))) continue;
      ++looked_at;
      limit.GuessedWrong(Address(address));
    }
    return looked_at;
  }

  testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
};

TEST_F(RateLimitTest, WithoutLimitsEverythingPasses) {
  RateLimit limit({}, clock_);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 10'000), 10'000);
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 10'000), 10'000);
  EXPECT_EQ(limit.addresses_count(), 0U);
}

TEST_F(RateLimitTest, LetsABurstPassAndThenTheRate) {
  RateLimit limit({.requests_per_address_max = 3}, clock_);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 30);
  EXPECT_EQ(limit.Take(Address("192.0.2.1")), Verdict::kTooManyFromAddress);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 6);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 30);
}

TEST_F(RateLimitTest, EachAddressHasABucketOfItsOwn) {
  RateLimit limit({.requests_per_address_max = 1}, clock_);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
  EXPECT_EQ(Passing(limit, "192.0.2.2", 100), 10);
  EXPECT_EQ(Passing(limit, "2001:db8::1", 100), 10);
  // Written as IPv6 it is the same address.
  EXPECT_EQ(Passing(limit, "::ffff:192.0.2.1", 100), 0);
  // A customer's network is one address.
  EXPECT_EQ(Passing(limit, "2001:db8::ffff:1", 100), 0);
  EXPECT_EQ(Passing(limit, "2001:db8:0:1::1", 100), 10);
  // Whatever an IPv4 address looks like as a number.
  EXPECT_EQ(Passing(limit, "0:0:c000:201::", 100), 10);
}

TEST_F(RateLimitTest, AllHaveOneBucketTogether) {
  RateLimit limit({.requests_max = 2, .requests_per_address_max = 1}, clock_);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
  EXPECT_EQ(Passing(limit, "127.0.0.1", 5), 5);
  EXPECT_EQ(Passing(limit, "192.0.2.2", 100), 5);
  EXPECT_EQ(limit.Take(Address("192.0.2.3")), Verdict::kTooMany);
  EXPECT_EQ(limit.Take(Address("127.0.0.1")), Verdict::kTooMany);
  // What all were too many for was not taken from the address.
  clock_.Advance(absl::Seconds(3));
  EXPECT_EQ(Passing(limit, "192.0.2.2", 100), 6);
}

TEST_F(RateLimitTest, LoopbackIsNotLimitedByAddress) {
  RateLimit limit({.requests_per_address_max = 1, .guesses_per_address_max = 1},
                  clock_);
  for (const char* const address :
       {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(Passing(limit, address, 1000), 1000);
    EXPECT_EQ(Guesses(limit, address, 1000), 1000);
  }
  EXPECT_EQ(limit.addresses_count(), 0U);
}

TEST_F(RateLimitTest, LimitsGuessing) {
  RateLimit limit({.guesses_per_address_max = 1}, clock_);
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 10);
  EXPECT_EQ(Guesses(limit, "192.0.2.2", 100), 10);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 1);
}

TEST_F(RateLimitTest, GuessesUseUpNothingOfWhatASenderMayPost) {
  RateLimit limit({.requests_per_address_max = 1, .guesses_per_address_max = 1},
                  clock_);
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 10);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
}

TEST_F(RateLimitTest, NobodyShutsOutASenderBehindTheSameAddress) {
  RateLimit limit({.guesses_per_address_max = 1}, clock_);
  limit.GuessedRight(Address("192.0.2.1"));
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 100);
  clock_.Advance(kKnownSenderAge - absl::Seconds(1));
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 100);
  // Unless it has not been heard of for long.
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 1);
}

TEST_F(RateLimitTest, SurvivesAClockThatIsSetBack) {
  for (const RateLimit::Options& options :
       {RateLimit::Options{.requests_max = 1},
        RateLimit::Options{.requests_per_address_max = 1}}) {
    RateLimit limit(options, clock_);
    EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
    clock_.Advance(-absl::Hours(5));
    EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 0);
    clock_.Advance(absl::Seconds(2));
    EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 2);
  }
}

TEST_F(RateLimitTest, RemembersABoundedNumberOfAddresses) {
  RateLimit limit({.requests_per_address_max = 1, .addresses_max = 64}, clock_);
  for (uint32_t i = 0; i < 10'000; ++i) limit.Take(Numbered(i));
  EXPECT_EQ(limit.addresses_count(), 64U);
  // Those without a place share a bucket for each shard.
  int passed = 0;
  for (uint32_t i = 10'000; i < 20'000; ++i) {
    passed += limit.Take(Numbered(i)) == Verdict::kPass ? 1 : 0;
  }
  EXPECT_EQ(passed, 0);
}

TEST_F(RateLimitTest, ForgetsAddressesWhoseBucketsAreFullAgain) {
  RateLimit limit({.requests_per_address_max = 1, .addresses_max = 64}, clock_);
  for (uint32_t i = 0; i < 10'000; ++i) limit.Take(Numbered(i));
  clock_.Advance(kRateBurst);
  for (uint32_t i = 0; i < 64; ++i) {
    EXPECT_EQ(limit.Take(Numbered(20'000 + i)), Verdict::kPass);
  }
  EXPECT_LE(limit.addresses_count(), 64U);
}

TEST_F(RateLimitTest, HasPlacesForAddressesWhenTheClockIsSetBack) {
  RateLimit limit({.requests_per_address_max = 1,
                   .guesses_per_address_max = 1,
                   .addresses_max = 64},
                  clock_);
  for (uint32_t i = 0; i < 10'000; ++i) {
    limit.Take(Numbered(i));
    limit.GuessedWrong(Numbered(i));
  }
  EXPECT_EQ(Passing(limit, "192.0.2.1", 1), 0);
  clock_.Advance(-absl::Hours(5));
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 10);
}

TEST_F(RateLimitTest, AddressesThatAreLimitedStayRemembered) {
  RateLimit limit({.requests_per_address_max = 1, .addresses_max = 16}, clock_);
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 10);
  for (uint32_t i = 0; i < 10'000; ++i) {
    clock_.Advance(absl::Microseconds(10));
    limit.Take(Numbered(i));
  }
  EXPECT_EQ(Passing(limit, "192.0.2.1", 100), 0);
}

TEST_F(RateLimitTest, ThereIsAlwaysAPlaceForASenderWithAToken) {
  RateLimit limit({.guesses_per_address_max = 1, .addresses_max = 16}, clock_);
  for (uint32_t i = 0; i < 10'000; ++i) limit.GuessedWrong(Numbered(i));
  // Whoever has no place guesses out of a bucket that others have emptied.
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 0);
  limit.GuessedRight(Address("192.0.2.1"));
  EXPECT_EQ(Guesses(limit, "192.0.2.1", 100), 100);
  EXPECT_EQ(limit.addresses_count(), 16U);
}

}  // namespace
}  // namespace enveloperelay
