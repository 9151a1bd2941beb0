#include "client/envelopectl/text.h"

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::Optional;

TEST(EscapeTest, LeavesWhatATerminalShows) {
  EXPECT_EQ(Escape("Vertrag_2026 (final).pdf"), "Vertrag_2026 (final).pdf");
  EXPECT_EQ(Escape("Müller – 契約書 ✍🏽"), "Müller – 契約書 ✍🏽");
  EXPECT_EQ(Escape(""), "");
}

TEST(EscapeTest, ShowsControlCharactersInsteadOfObeyingThem) {
  EXPECT_EQ(Escape("a\x1b[31mred"), "a\\u001b[31mred");
  EXPECT_EQ(Escape("line\nbreak\ttab\rreturn"), "line\\nbreak\\ttab\\rreturn");
  EXPECT_EQ(Escape(std::string("\0\x7f", 2)), "\\u0000\\u007f");
  // The 8-bit form of ESC [, in UTF-8.
  EXPECT_EQ(Escape("\xC2\x9B"
                   "31m"),
            "\\u009b31m");
}

TEST(EscapeTest, ShowsWhatReordersOrHidesText) {
  EXPECT_EQ(Escape("invoice\u202Efdp.exe"), "invoice\\u202efdp.exe");
  EXPECT_EQ(Escape("\u2066\u2069\u200F\u061C"), "\\u2066\\u2069\\u200f\\u061c");
  EXPECT_EQ(Escape("zero\u200Bwidth"), "zero\\u200bwidth");
  EXPECT_EQ(Escape("\u2028"), "\\u2028");
  EXPECT_EQ(Escape("\U000E0041"), "\\ue0041");
}

TEST(EscapeTest, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(Escape("a\xff"), "a\\xff");
  EXPECT_EQ(Escape("\xc3"), "\\xc3");                    // cut short
  EXPECT_EQ(Escape("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(Escape("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(Escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(Escape("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(EscapeTest, KeepsLinesWhereAskedTo) {
  EXPECT_EQ(EscapeLines("{\n\t\"a\": \"\x1b\"\r\n}"),
            "{\n\t\"a\": \"\\u001b\"\\r\n}");
}

TEST(PaddedTest, CountsCharactersAndNotBytes) {
  EXPECT_EQ(Padded("ab", 4), "ab  ");
  EXPECT_EQ(Padded("äb", 4), "äb  ");
  EXPECT_EQ(Padded("abcdef", 4), "abcdef");
}

TEST(TimestampTest, IsPrintedInUtcWithMilliseconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(1'784'275'200);
  time.set_nanos(7'900'000);

  EXPECT_EQ(FormatTimestamp(time), "2026-07-17T08:00:00.007Z");
}

TEST(TimestampTest, IsADashWhenUnset) {
  EXPECT_EQ(FormatTimestamp(google::protobuf::Timestamp()), "-");
}

TEST(TimestampTest, KeepsNanoseconds) {
  const google::protobuf::Timestamp time =
      ToTimestamp(absl::FromUnixSeconds(12) + absl::Nanoseconds(345));

  EXPECT_EQ(time.seconds(), 12);
  EXPECT_EQ(time.nanos(), 345);
}

TEST(TimestampTest, HasNanosecondsAboveZeroBefore1970) {
  const google::protobuf::Timestamp time =
      ToTimestamp(absl::UnixEpoch() - absl::Milliseconds(250));

  EXPECT_EQ(time.seconds(), -1);
  EXPECT_EQ(time.nanos(), 750'000'000);
}

TEST(DurationTest, ReadsUnits) {
  EXPECT_THAT(ParseDuration("500ms"), Optional(absl::Milliseconds(500)));
  EXPECT_THAT(ParseDuration("1h30m"), Optional(absl::Minutes(90)));
  EXPECT_THAT(ParseDuration("7d"), Optional(absl::Hours(168)));
  EXPECT_THAT(ParseDuration("1d12h"), Optional(absl::Hours(36)));
  EXPECT_THAT(ParseDuration("0"), Optional(absl::ZeroDuration()));
}

TEST(DurationTest, TakesNothingElse) {
  for (const char* const text : {"", "30", "s", "-1s", "d", "-1d", "1d-1h",
                                 "inf", "1w", "4000000d", "1h 2m"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, IsShownInUnits) {
  google::protobuf::Duration duration;
  duration.set_seconds(90);
  duration.set_nanos(250'000'000);

  EXPECT_EQ(FormatDuration(duration), "1m30.25s");
}

TEST(AgeTest, HasTwoUnitsAtMost) {
  EXPECT_EQ(FormatAge(absl::ZeroDuration()), "0s");
  EXPECT_EQ(FormatAge(absl::Milliseconds(1999)), "1s");
  EXPECT_EQ(FormatAge(absl::Seconds(192)), "3m12s");
  EXPECT_EQ(FormatAge(absl::Minutes(5)), "5m");
  EXPECT_EQ(FormatAge(absl::Hours(2) + absl::Seconds(359)), "2h5m");
  EXPECT_EQ(FormatAge(absl::Hours(99) + absl::Minutes(59)), "4d3h");
}

TEST(AgeTest, IsZeroForWhatIsYetToCome) {
  EXPECT_EQ(FormatAge(absl::Seconds(-3)), "0s");
}

}  // namespace
}  // namespace enveloperelay::client
