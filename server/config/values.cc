#include "server/config/values.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace enveloperelay {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

// Largest first.
constexpr std::array<Unit, 5> kMilliseconds = {
    {{.name = "d", .factor = 86'400'000},
     {.name = "h", .factor = 3'600'000},
     {.name = "m", .factor = 60'000},
     {.name = "s", .factor = 1'000},
     {.name = "ms", .factor = 1}}};
constexpr std::array<Unit, 5> kBytes = {
    {{.name = "TiB", .factor = uint64_t{1} << 40U},
     {.name = "GiB", .factor = uint64_t{1} << 30U},
     {.name = "MiB", .factor = uint64_t{1} << 20U},
     {.name = "KiB", .factor = uint64_t{1} << 10U},
     {.name = "", .factor = 1}}};

// Takes the digits that `text` begins with off it.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  uint64_t number = 0;
  const char* const begin = text.data();
  const auto [end, error] = std::from_chars(begin, begin + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - begin));
  return number;
}

// number * factor + sum, if it is at most `max`.
std::optional<uint64_t> Add(uint64_t sum, uint64_t number, uint64_t factor,
                            uint64_t max) {
  if (number > (max - sum) / factor) return std::nullopt;
  return sum + number * factor;
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max() / 1000;
  if (text == "0") return absl::ZeroDuration();
  if (text.empty()) return std::nullopt;
  uint64_t sum = 0;
  size_t next_unit = 0;
  while (!text.empty()) {
    const std::optional<uint64_t> number = TakeNumber(text);
    if (!number.has_value()) return std::nullopt;
    const std::string_view name =
        text.substr(0, text.find_first_of("0123456789"));
    while (next_unit < kMilliseconds.size() &&
           kMilliseconds.at(next_unit).name != name) {
      ++next_unit;
    }
    if (next_unit == kMilliseconds.size()) return std::nullopt;
    const std::optional<uint64_t> more =
        Add(sum, *number, kMilliseconds.at(next_unit).factor, kMax);
    if (!more.has_value()) return std::nullopt;
    sum = *more;
    ++next_unit;
    text.remove_prefix(name.size());
  }
  return absl::Milliseconds(static_cast<int64_t>(sum));
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  const std::optional<uint64_t> number = TakeNumber(text);
  if (!number.has_value()) return std::nullopt;
  for (const Unit& unit : kBytes) {
    if (text == unit.name) {
      return Add(0, *number, unit.factor, std::numeric_limits<uint64_t>::max());
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  const std::optional<uint64_t> number = TakeNumber(text);
  return text.empty() ? number : std::nullopt;
}

std::optional<bool> ParseFlag(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "0";
  auto rest = static_cast<uint64_t>(absl::ToInt64Milliseconds(duration));
  std::string text;
  for (const Unit& unit : kMilliseconds) {
    if (rest < unit.factor) continue;
    absl::StrAppend(&text, rest / unit.factor,
                    absl::string_view(unit.name.data(), unit.name.size()));
    rest %= unit.factor;
  }
  return text;
}

std::string SizeText(uint64_t bytes) {
  for (const Unit& unit : kBytes) {
    if (bytes >= unit.factor && bytes % unit.factor == 0) {
      return absl::StrCat(
          bytes / unit.factor,
          absl::string_view(unit.name.data(), unit.name.size()));
    }
  }
  return "0";
}

}  // namespace enveloperelay
