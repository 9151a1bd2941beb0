#include "server/base/traceparent.h"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

using ::testing::MatchesRegex;

constexpr char kValid[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

// "" if it is none.
std::string Read(std::string_view field) {
  const std::optional<Traceparent> read = Traceparent::Read(field);
  return read.has_value() ? std::string(read->text()) : "";
}

TEST(TraceparentTest, KeepsVersion00AsItIs) {
  EXPECT_EQ(Read(kValid), kValid);
  // Flags that are not known as well.
  const std::string flags =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-f3";
  EXPECT_EQ(Read(flags), flags);
}

TEST(TraceparentTest, TakesOfALaterVersionWhatVersion00Knows) {
  const std::string rest =
      "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";
  EXPECT_EQ(Read("01" + rest + "01"), "00" + rest + "01");
  EXPECT_EQ(Read("fe" + rest + "00-what-ever"), "00" + rest + "00");
  EXPECT_EQ(Read("cc" + rest + "f3-"), "00" + rest + "01");
  EXPECT_EQ(Read("cc" + rest + "fe"), "00" + rest + "00");
}

TEST(TraceparentTest, RefusesEverythingElse) {
  for (const char* const text : {
           "",
           "00",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
           "01-00000000000000000000000000000000-b7ad6b7169203331-01-x",
           "00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01",
       }) {
    EXPECT_EQ(Read(text), "") << text;
  }
  EXPECT_EQ(Read(kValid + std::string(1, '\0')), "");
}

TEST(TraceparentTest, MakesValidOnesThatAreNotSampled) {
  for (int i = 0; i < 1000; ++i) {
    const std::string made(Traceparent::Make().text());
    EXPECT_THAT(made, MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00"));
    EXPECT_EQ(Read(made), made);
  }
}

TEST(TraceparentTest, MakesNoIdTwice) {
  constexpr size_t kCount = 10'000;
  std::set<std::string> ids;
  for (size_t i = 0; i < kCount; ++i) {
    const Traceparent made = Traceparent::Make();
    const std::string_view text = made.text();
    // Each half of the trace id, and the parent id.
    ids.emplace(text.substr(3, 16));
    ids.emplace(text.substr(19, 16));
    ids.emplace(text.substr(36, 16));
  }
  EXPECT_EQ(ids.size(), 3 * kCount);
}

TEST(TraceparentTest, UsesEveryDigitEverywhere) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const Traceparent made = Traceparent::Make();
    for (size_t place = 3; place < 52; ++place) {
      if (place == 35) continue;
      seen.insert(std::to_string(place) + made.text()[place]);
    }
  }
  EXPECT_EQ(seen.size(), 48U * 16U);
}

TEST(TraceparentTest, KnowsTheTraceId) {
  EXPECT_EQ(TraceIdOf(kValid), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(TraceIdOf(""), "");
}

}  // namespace
}  // namespace enveloperelay
