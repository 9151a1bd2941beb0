#include "server/base/logging.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace enveloperelay {
namespace {

const absl::Time kTime = absl::FromUnixMicros(1767323045678901);

std::string Json(std::string_view message) {
  return FormatLogLine(LogFormat::kJson, kTime, LogLevel::kInfo, message);
}

TEST(LoggingTest, WritesTextAsTimeLevelAndMessage) {
  EXPECT_EQ(
      FormatLogLine(LogFormat::kText, kTime, LogLevel::kWarning, "disk full"),
      "2026-01-02T03:04:05.678901Z warning disk full");
}

TEST(LoggingTest, WritesJsonAsOneObjectWithTimeLevelAndMessage) {
  EXPECT_EQ(
      FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, "disk full"),
      R"({"time":"2026-01-02T03:04:05.678901Z","level":"error",)"
      R"("message":"disk full"})");
}

TEST(LoggingTest, EscapesQuotesAndBackslashesInJson) {
  EXPECT_EQ(Json(R"(a "b" \c)"),
            R"({"time":"2026-01-02T03:04:05.678901Z","level":"info",)"
            R"("message":"a \"b\" \\c"})");
}

TEST(LoggingTest, KeepsAMessageWithLineEndsOnOneLine) {
  const std::string text =
      FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo,
                    std::string_view("a\r\nb\tc\0d\x1b[2Je\x7f", 14));
  EXPECT_EQ(text,
            "2026-01-02T03:04:05.678901Z info "
            R"(a\r\nb\tc\u0000d\u001b[2Je\u007f)");
}

TEST(LoggingTest, KeepsValidUtf8) {
  EXPECT_NE(Json("Verträge 署名 🖋").find("Verträge 署名 🖋"),
            std::string::npos);
}

TEST(LoggingTest, ReplacesBytesThatAreNotUtf8) {
  // A lone continuation, an overlong '/', a surrogate, past U+10FFFF, cut off.
  for (const std::string_view bad :
       {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE7\xBD"}) {
    const std::string line = Json(bad);
    EXPECT_NE(line.find("\xEF\xBF\xBD"), std::string::npos);
    EXPECT_EQ(line.find(bad), std::string::npos);
  }
}

}  // namespace
}  // namespace enveloperelay
