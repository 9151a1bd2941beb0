#include "server/config/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "server/config/config.h"

namespace enveloperelay {
namespace {

using ::testing::HasSubstr;

bool Set(std::string_view name, std::string_view text, Config& config) {
  return FindOption(name)->set(text, config);
}

TEST(OptionsTest, HasNoNameTwice) {
  std::set<std::string> names;
  for (const Option& option : Options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
  }
}

TEST(OptionsTest, AllowsEveryDefault) {
  Config config;
  for (const Option& option : Options()) {
    EXPECT_TRUE(option.set(option.default_text, config)) << option.name;
  }
}

TEST(OptionsTest, RefusesValuesOutsideOfTheRange) {
  Config config;
  EXPECT_TRUE(Set("drain-timeout", "10m", config));
  EXPECT_FALSE(Set("drain-timeout", "10m1ms", config));
  EXPECT_FALSE(Set("drain-timeout", "99ms", config));
  EXPECT_FALSE(Set("drain-timeout", "0", config));
  EXPECT_TRUE(Set("ingress-max-body-bytes", "1KiB", config));
  EXPECT_FALSE(Set("ingress-max-body-bytes", "1023", config));
  EXPECT_FALSE(Set("ingress-max-body-bytes", "1048577", config));
}

TEST(OptionsTest, LeavesTheConfigAloneWhenAValueIsRefused) {
  Config config;
  ASSERT_TRUE(Set("drain-timeout", "5s", config));
  ASSERT_FALSE(Set("drain-timeout", "5", config));
  EXPECT_EQ(config.drain_timeout, absl::Seconds(5));
}

TEST(OptionsTest, SaysWhatZeroMeansWhereItIsAllowed) {
  Config config;
  EXPECT_TRUE(Set("retention-age", "0", config));
  EXPECT_THAT(FindOption("retention-age")->allowed,
              HasSubstr("0: none is too old"));
}

TEST(OptionsTest, NamesItsEnvironmentVariable) {
  EXPECT_EQ(FindOption("data-dir")->Environment(), "ENVELOPE_RELAY_DATA_DIR");
}

TEST(OptionsTest, SuggestsTheNearestName) {
  EXPECT_EQ(SuggestOption("data_dir"), "did you mean 'data-dir'?");
  EXPECT_EQ(SuggestOption("drain-timout"), "did you mean 'drain-timeout'?");
  EXPECT_EQ(SuggestOption("colour-of-the-sky"),
            "--help lists those that there are");
}

}  // namespace
}  // namespace enveloperelay
