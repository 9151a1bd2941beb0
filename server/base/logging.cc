#include "server/base/logging.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/text.h"
#include "spdlog/common.h"
#include "spdlog/logger.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace enveloperelay {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, static_cast<size_t>(kLogKeyLast) + 1>
    kKeys = {
        "admin_port", "cause",        "commit",   "count",      "data_dir",
        "detail",     "duplicate",    "event_id", "file",       "grpc_port",
        "held_back",  "ingress_port", "kind",     "method",     "name",
        "peer",       "principal",    "reason",   "request_id", "sequence",
        "signal",     "subscription", "token",    "trace_id",   "version",
};

constinit std::atomic<LogFormat> line_format = LogFormat::kText;
static_assert(std::atomic<LogFormat>::is_always_lock_free);

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

// Writes each line at once. Lines come to it as they are to be.
spdlog::logger& Logger() {
  // Not destroyed: threads may log to the very end.
  static spdlog::logger& logger = *[] {
    auto* const made = new spdlog::logger(
        "relay", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    return made;
  }();
  return logger;
}

// Standard error gone or full is nobody's to be told.
void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = write(STDERR_FILENO, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    text.remove_prefix(static_cast<size_t>(size));
  }
}

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the UTF-8 character that `text`, not empty, begins with; 0 if it
// begins with none. Overlong forms, surrogates and what lies past U+10FFFF are
// none (RFC 3629, section 4).
size_t Utf8Length(std::string_view text) {
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  size_t length = 2;
  if (lead >= 0xE0) length = 3;
  if (lead >= 0xF0) length = 4;
  if (lead < 0xC0 || lead > 0xF4 || text.size() < length) return 0;
  uint32_t point = lead & (0xFFU >> (length + 1));
  for (const char c : text.substr(1, length - 1)) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte & 0xC0U) != 0x80U) return 0;
    point = (point << 6U) | (byte & 0x3FU);
  }
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  const bool allowed =
      point >= kSmallest.at(length) && point <= 0x10FFFF && !surrogate;
  return allowed ? length : 0;
}

// Appends `c`, a control character, as JSON escapes it (RFC 8259, section 7).
void AppendControl(char c, std::string& out) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      absl::StrAppend(&out, "\\u",
                      absl::Hex(static_cast<uint8_t>(c), absl::kZeroPad4));
  }
}

std::string Escape(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = Utf8Length(text);
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      AppendControl(c, out);
    } else if (quotes && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else if (length == 0) {
      out += kReplacement;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

// Whether a text can stand in a line of text as it is.
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' &&
           c != '=' && c != '\\';
  });
}

void Write(LogLevel level, std::string_view message, LogFields fields) {
  const spdlog::level::level_enum spdlog_level = ToSpdlog(level);
  if (!Logger().should_log(spdlog_level)) return;
  Logger().log(spdlog_level,
               FormatLogLine(line_format.load(std::memory_order_relaxed),
                             absl::Now(), level, message, fields));
}

}  // namespace

std::string_view ToString(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

std::string_view ToString(LogKey key) {
  return kKeys.at(static_cast<size_t>(key));
}

void LogField::AppendTo(LogFormat format, std::string& line) const {
  const auto* const text = std::get_if<std::string_view>(&value_);
  if (text != nullptr && text->empty()) return;
  const absl::string_view key = ToAbsl(ToString(key_));
  if (format == LogFormat::kText) {
    absl::StrAppend(&line, " ", key, "=");
  } else {
    absl::StrAppend(&line, ",\"", key, "\":");
  }
  if (const auto* const number = std::get_if<int64_t>(&value_)) {
    absl::StrAppend(&line, *number);
  } else if (const auto* const truth = std::get_if<bool>(&value_)) {
    line += *truth ? "true" : "false";
  } else if (format == LogFormat::kText && IsPlain(*text)) {
    line += *text;
  } else {
    absl::StrAppend(&line, "\"", Escape(*text, true), "\"");
  }
}

void SetUpLogging(LogLevel level, LogFormat format) {
  Logger().set_level(ToSpdlog(level));
  line_format = format;
}

void LogDebug(std::string_view message, LogFields fields) {
  Write(LogLevel::kDebug, message, fields);
}
void LogInfo(std::string_view message, LogFields fields) {
  Write(LogLevel::kInfo, message, fields);
}
void LogWarning(std::string_view message, LogFields fields) {
  Write(LogLevel::kWarning, message, fields);
}
void LogError(std::string_view message, LogFields fields) {
  Write(LogLevel::kError, message, fields);
}

bool LogsDebug() { return Logger().should_log(spdlog::level::debug); }

void LogErrorInSignalHandler(std::string_view message) {
  // One write, so that no other thread's line comes in between.
  std::array<char, 160> line = {};
  size_t size = 0;
  const auto append = [&](std::string_view text) {
    text = text.substr(0, line.size() - size);
    size += text.copy(line.data() + size, text.size());
  };
  const bool json = line_format == LogFormat::kJson;
  append(json ? R"({"level":"error","message":")" : "error ");
  append(message);
  append(json ? "\"}\n" : "\n");
  WriteAll({line.data(), size});
}

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level,
                          std::string_view message, LogFields fields) {
  const std::string stamp =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
  const bool text = format == LogFormat::kText;
  std::string line =
      text ? absl::StrCat(stamp, " ", ToAbsl(ToString(level)), " ",
                          Escape(message, false))
           : absl::StrCat(R"({"time":")", stamp, R"(","level":")",
                          ToAbsl(ToString(level)), R"(","message":")",
                          Escape(message, true), "\"");
  for (const LogField& field : fields) field.AppendTo(format, line);
  if (!text) line += '}';
  return line;
}

}  // namespace enveloperelay
