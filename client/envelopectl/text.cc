#include "client/envelopectl/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/proto_time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace enveloperelay::client {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

struct Range {
  char32_t first;
  char32_t last;
};

// What a terminal obeys or hides instead of showing it.
constexpr std::array<Range, 11> kUnsafe = {{
    {.first = 0x00, .last = 0x1F},        // C0 controls
    {.first = 0x7F, .last = 0x9F},        // DEL and C1 controls
    {.first = 0xAD, .last = 0xAD},        // soft hyphen
    {.first = 0x61C, .last = 0x61C},      // Arabic letter mark
    {.first = 0x180E, .last = 0x180E},    // Mongolian vowel separator
    {.first = 0x200B, .last = 0x200F},    // zero width, direction marks
    {.first = 0x2028, .last = 0x202E},    // line ends, bidirectional overrides
    {.first = 0x2060, .last = 0x206F},    // invisible, bidirectional isolates
    {.first = 0xFEFF, .last = 0xFEFF},    // byte order mark
    {.first = 0xFFF9, .last = 0xFFFB},    // interlinear annotation
    {.first = 0xE0000, .last = 0xE0FFF},  // tags
}};

// The first character of `text`; size 0 when it is not UTF-8 (RFC 3629).
struct Decoded {
  char32_t character = 0;
  size_t size = 0;
};

Decoded Decode(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {.character = lead, .size = 1};
  if (lead < 0xC2 || lead > 0xF4) return {};
  size_t size = 2;
  if (lead >= 0xE0) size = 3;
  if (lead >= 0xF0) size = 4;
  if (text.size() < size) return {};
  char32_t character = lead & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    character = (character << 6U) | (byte(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  if (character < kSmallest[size] || character > 0x10FFFF || surrogate) {
    return {};
  }
  return {.character = character, .size = size};
}

bool IsUnsafe(char32_t character) {
  return std::ranges::any_of(kUnsafe, [character](const Range& range) {
    return range.first <= character && character <= range.last;
  });
}

std::string Escaped(char32_t character) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return absl::StrFormat("\\u%04x", static_cast<uint32_t>(character));
  }
}

std::string EscapeExcept(std::string_view text, std::string_view kept) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = Decode(text);
    const size_t size = std::max<size_t>(next.size, 1);
    if (next.size == 0) {
      result += absl::StrFormat("\\x%02x", static_cast<uint8_t>(text[0]));
    } else if (IsUnsafe(next.character) &&
               kept.find(text[0]) == std::string_view::npos) {
      result += Escaped(next.character);
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return result;
}

}  // namespace

std::string Escape(std::string_view text) { return EscapeExcept(text, ""); }

std::string EscapeLines(std::string_view text) {
  return EscapeExcept(text, "\n\t");
}

std::string Padded(std::string_view text, size_t width) {
  const auto size = static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80U; }));
  std::string result(text);
  if (size < width) result.append(width - size, ' ');
  return result;
}

std::string FormatTimestamp(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", FromProto(time),
                          absl::UTCTimeZone());
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  google::protobuf::Timestamp result;
  result.set_seconds(seconds);
  result.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return result;
}

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  const absl::Duration max = 10'000 * 365 * kDay;
  absl::Duration days;
  if (const size_t end = text.find('d'); end != std::string_view::npos) {
    uint32_t count = 0;
    if (!absl::SimpleAtoi(std::string(text.substr(0, end)), &count))
      return std::nullopt;
    days = count * kDay;
    text.remove_prefix(end + 1);
    if (text.empty()) text = "0";
  }
  absl::Duration rest;
  if (!absl::ParseDuration({text.data(), text.size()}, &rest) ||
      rest < absl::ZeroDuration() || days + rest > max) {
    return std::nullopt;
  }
  return days + rest;
}

std::string FormatDuration(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(FromProto(duration));
}

std::string FormatAge(absl::Duration age) {
  age = std::max(age, absl::ZeroDuration());
  const int64_t days = absl::IDivDuration(age, kDay, &age);
  if (days > 0) return absl::StrFormat("%dd%dh", days, absl::ToInt64Hours(age));
  const absl::Duration unit =
      age < absl::Hours(1) ? absl::Seconds(1) : absl::Minutes(1);
  return absl::FormatDuration(absl::Trunc(age, unit)) + (age < unit ? "s" : "");
}

}  // namespace enveloperelay::client
