#include "client/envelopectl/table.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "client/envelopectl/text.h"

namespace enveloperelay::client {
namespace {

// Of the names of fields.
constexpr size_t kNameWidth = 18;
constexpr std::string_view kReset = "\x1b[0m";

}  // namespace

std::string Colored(std::string text, std::string_view color, bool colors) {
  if (!colors || color.empty()) return text;
  text.insert(0, color);
  text += kReset;
  return text;
}

std::string Field(std::string_view name, std::string_view value) {
  if (value.empty()) return "";
  return absl::StrFormat("%s %s\n", Padded(std::string(name) + ':', kNameWidth),
                         Escape(value));
}

std::string Number(uint64_t value) { return absl::StrFormat("%u", value); }

std::string RightAligned(std::string_view text, size_t width) {
  std::string result(text);
  if (result.size() < width) result.insert(0, width - result.size(), ' ');
  return result;
}

}  // namespace enveloperelay::client
