#include "server/base/logging.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "tests/support/log_fields.h"

namespace enveloperelay {
namespace {

const absl::Time kTime = absl::FromUnixMicros(1767323045678901);

std::string Json(std::string_view message, LogFields fields = {}) {
  return FormatLogLine(LogFormat::kJson, kTime, LogLevel::kInfo, message,
                       fields);
}
std::string Text(std::string_view message, LogFields fields = {}) {
  return FormatLogLine(LogFormat::kText, kTime, LogLevel::kWarning, message,
                       fields);
}

constexpr char kTextStart[] = "2026-01-02T03:04:05.678901Z warning ";
constexpr char kJsonStart[] =
    R"({"time":"2026-01-02T03:04:05.678901Z","level":"info","message":)";

TEST(LoggingTest, WritesTextAsTimeLevelAndMessage) {
  EXPECT_EQ(Text("disk full"), std::string(kTextStart) + "disk full");
}

TEST(LoggingTest, WritesJsonAsOneObjectWithTimeLevelAndMessage) {
  EXPECT_EQ(Json("disk full"), std::string(kJsonStart) + R"("disk full"})");
}

TEST(LoggingTest, WritesFieldsBehindTheMessage) {
  const LogFields fields = {{LogKey::kEventId, "e-1"},
                            {LogKey::kSequence, uint64_t{42}},
                            {LogKey::kDuplicate, true},
                            {LogKey::kHeldBack, 0},
                            {LogKey::kDetail, "no room"}};
  EXPECT_EQ(Text("stored", fields),
            std::string(kTextStart) +
                "stored event_id=e-1 sequence=42 duplicate=true held_back=0 "
                "detail=\"no room\"");
  EXPECT_EQ(Json("stored", fields),
            std::string(kJsonStart) +
                R"("stored","event_id":"e-1","sequence":42,"duplicate":true,)"
                R"("held_back":0,"detail":"no room"})");
}

TEST(LoggingTest, WritesTheLargestNumber) {
  EXPECT_EQ(
      Json("m", {{LogKey::kSequence, std::numeric_limits<int64_t>::max()}}),
      std::string(kJsonStart) + R"("m","sequence":9223372036854775807})");
}

TEST(LoggingTest, LeavesOutWhatIsEmpty) {
  const LogFields fields = {{LogKey::kToken, ""}, {LogKey::kName, "n"}};
  EXPECT_EQ(Text("m", fields), std::string(kTextStart) + "m name=n");
  EXPECT_EQ(Json("m", fields), std::string(kJsonStart) + R"("m","name":"n"})");
}

TEST(LoggingTest, EscapesQuotesAndBackslashesInJson) {
  EXPECT_EQ(Json(R"(a "b" \c)", {{LogKey::kName, R"("\)"}}),
            std::string(kJsonStart) + R"("a \"b\" \\c","name":"\"\\"})");
}

TEST(LoggingTest, ATextThatLooksLikeFieldsIsQuoted) {
  for (const auto& [name, written] :
       {std::pair<std::string, std::string>{"a b=c", R"("a b=c")"},
        {"a=b", R"("a=b")"},
        {R"(a"b)", R"("a\"b")"},
        {R"(a\b)", R"("a\\b")"},
        {"a\nb", R"("a\nb")"},
        {"\x7f", R"("\u007f")"},
        {"ü", R"("ü")"},
        {"a-b_c:d/e.f,g*", "a-b_c:d/e.f,g*"}}) {
    EXPECT_EQ(Text("m", {{LogKey::kName, name}}),
              std::string(kTextStart) + "m name=" + written);
  }
}

TEST(LoggingTest, KeepsAMessageWithLineEndsOnOneLine) {
  EXPECT_EQ(Text(std::string_view("a\r\nb\tc\0d\x1b[2Je\x7f", 14)),
            std::string(kTextStart) + R"(a\r\nb\tc\u0000d\u001b[2Je\u007f)");
}

TEST(LoggingTest, KeepsAFieldWithLineEndsOnOneLine) {
  EXPECT_EQ(Json("m", {{LogKey::kName, std::string_view("\r\n\t\0", 4)}}),
            std::string(kJsonStart) + R"("m","name":"\r\n\t\u0000"})");
}

TEST(LoggingTest, EscapesControlCharactersBeyondAscii) {
  for (const auto& [control, escaped] :
       {std::pair<std::string, std::string>{"\u0080", R"(\u0080)"},
        {"\u0085", R"(\u0085)"},
        {"\u009b", R"(\u009b)"},
        {"\u009f", R"(\u009f)"},
        {"\u2028", R"(\u2028)"},
        {"\u2029", R"(\u2029)"}}) {
    EXPECT_EQ(Text(control), kTextStart + escaped);
    EXPECT_EQ(Text("m", {{LogKey::kName, control}}),
              std::string(kTextStart) + "m name=\"" + escaped + "\"");
    EXPECT_EQ(Json(control), kJsonStart + ("\"" + escaped + "\"}"));
  }
  // Their neighbours stand as they are.
  for (const char* const text : {"\u00a0", "\u2027", "\u202a"}) {
    EXPECT_EQ(Text(text), std::string(kTextStart) + text);
  }
}

TEST(LoggingTest, KeepsValidUtf8) {
  EXPECT_NE(Json("Verträge 署名 🖋").find("Verträge 署名 🖋"),
            std::string::npos);
}

TEST(LoggingTest, ReplacesBytesThatAreNotUtf8) {
  // A lone continuation, an overlong '/', a surrogate, past U+10FFFF, cut off.
  for (const std::string_view bad :
       {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE7\xBD"}) {
    for (const std::string& line :
         {Json(bad), Json("m", {{LogKey::kName, bad}}),
          Text("m", {{LogKey::kName, bad}})}) {
      EXPECT_NE(line.find("\xEF\xBF\xBD"), std::string::npos);
      EXPECT_EQ(line.find(bad), std::string::npos);
    }
  }
}

TEST(LoggingTest, EveryKeyIsDocumentedAndNoOther) {
  std::set<std::string> names = {"time", "level", "message"};
  for (int key = 0; key <= static_cast<int>(kLogKeyLast); ++key) {
    const std::string name(ToString(static_cast<LogKey>(key)));
    EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
  }
  std::set<std::string> documented;
  for (const auto& [name, type] : testing::DocumentedLogFields(LOGS_MD)) {
    documented.insert(name);
  }
  EXPECT_EQ(names, documented);
  // Each stands at its place.
  EXPECT_EQ(ToString(LogKey::kAdminPort), "admin_port");
  EXPECT_EQ(ToString(LogKey::kEventId), "event_id");
  EXPECT_EQ(ToString(LogKey::kTraceId), "trace_id");
  EXPECT_EQ(ToString(kLogKeyLast), "version");
}

}  // namespace
}  // namespace enveloperelay
