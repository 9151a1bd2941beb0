#include "server/config/values.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace enveloperelay {
namespace {

TEST(ValuesTest, ReadsDurations) {
  EXPECT_EQ(ParseDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(ParseDuration("25s"), absl::Seconds(25));
  EXPECT_EQ(ParseDuration("10m"), absl::Minutes(10));
  EXPECT_EQ(ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(ParseDuration("90d"), absl::Hours(24 * 90));
  EXPECT_EQ(ParseDuration("1d2h3m4s5ms"),
            absl::Hours(26) + absl::Minutes(3) + absl::Milliseconds(4005));
}

TEST(ValuesTest, RefusesWhatIsNoDuration) {
  for (const std::string_view text :
       {"", "10", "m", "10 m", " 10m", "10m ", "-10m", "+10m", "1.5h", "10M",
        "10min", "30m1h", "10m10m", "1h30", "inf", "10mm", "1e3s",
        "99999999999999999999s", "9223372036854775807d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(ValuesTest, ReadsSizes) {
  EXPECT_EQ(ParseSize("0"), 0);
  EXPECT_EQ(ParseSize("1000000"), 1'000'000);
  EXPECT_EQ(ParseSize("256KiB"), 256 * 1024);
  EXPECT_EQ(ParseSize("64MiB"), 64 * 1024 * 1024);
  EXPECT_EQ(ParseSize("1GiB"), 1024 * 1024 * 1024);
  EXPECT_EQ(ParseSize("2TiB"), uint64_t{2} << 40U);
  EXPECT_EQ(ParseSize("18446744073709551615"),
            std::numeric_limits<uint64_t>::max());
}

TEST(ValuesTest, RefusesWhatIsNoSize) {
  for (const std::string_view text :
       {"", "MiB", "64MB", "64 MiB", "64mib", "-1", "+1", "1.5GiB", "0x10",
        "64MiBs", "18446744073709551616", "18014398509481984KiB"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(ValuesTest, ReadsCounts) {
  EXPECT_EQ(ParseCount("12"), 12);
  EXPECT_EQ(ParseCount("12k"), std::nullopt);
  EXPECT_EQ(ParseCount("-1"), std::nullopt);
  EXPECT_EQ(ParseCount(""), std::nullopt);
}

TEST(ValuesTest, ReadsFlags) {
  EXPECT_EQ(ParseFlag("true"), true);
  EXPECT_EQ(ParseFlag("false"), false);
  EXPECT_EQ(ParseFlag("yes"), std::nullopt);
  EXPECT_EQ(ParseFlag(""), std::nullopt);
}

TEST(ValuesTest, WritesDurationsAsTheyAreRead) {
  for (const std::string_view text :
       {"0", "500ms", "25s", "10m", "1h30m", "90d", "1d2h3m4s5ms"}) {
    EXPECT_EQ(DurationText(ParseDuration(text).value()), text);
  }
}

TEST(ValuesTest, WritesSizesAsTheyAreRead) {
  for (const std::string_view text :
       {"0", "1000", "1KiB", "256KiB", "1025KiB", "64MiB", "64TiB"}) {
    EXPECT_EQ(SizeText(ParseSize(text).value()), text);
  }
}

}  // namespace
}  // namespace enveloperelay
