#include "server/signplus/redact.h"

#include <string.h>  // NOLINT(modernize-deprecated-headers): memmem

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"

namespace enveloperelay {
namespace {

struct Range {
  size_t begin = 0;
  size_t size = 0;
};

// A character of a JSON string as it is spelled: itself, or an escape.
struct Unit {
  size_t size = 0;
  // What it stands for; nothing if that is no ASCII character or an escape
  // that no secret's character has.
  std::optional<char> character;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// `text` is not empty.
Unit FirstUnit(std::string_view text) {
  if (text.front() != '\\') return {.size = 1, .character = text.front()};
  if (!text.starts_with("\\u") || text.size() < 6) {
    return {.size = text.size() < 2 ? size_t{1} : 2, .character = std::nullopt};
  }
  int code = 0;
  for (const char c : text.substr(2, 4)) {
    const int digit = HexDigit(c);
    if (digit < 0) return {.size = 2, .character = std::nullopt};
    code = code * 16 + digit;
  }
  if (code > 0x7F) return {.size = 6, .character = std::nullopt};
  return {.size = 6, .character = static_cast<char>(code)};
}

// Returns how many bytes at the front of `text` spell `secret`; 0: they do not.
size_t MatchSpelled(std::string_view text, std::string_view secret) {
  size_t matched = 0;
  for (const char wanted : secret) {
    if (matched == text.size()) return 0;
    const Unit unit = FirstUnit(text.substr(matched));
    if (unit.character != wanted) return 0;
    matched += unit.size;
  }
  return matched;
}

void FindLiteral(std::string_view text, std::string_view secret,
                 std::vector<Range>& found) {
  size_t from = 0;
  while (true) {
    // memmem is linear and much faster than string_view::find here.
    const void* const at = memmem(text.data() + from, text.size() - from,
                                  secret.data(), secret.size());
    if (at == nullptr) return;
    const auto begin =
        static_cast<size_t>(static_cast<const char*>(at) - text.data());
    found.push_back({.begin = begin, .size = secret.size()});
    from = begin + 1;
  }
}

}  // namespace

void BlankSecrets(std::span<const std::string> secrets, std::string& json) {
  if (secrets.empty()) return;
  std::vector<Range> found;
  for (const std::string& secret : secrets) FindLiteral(json, secret, found);
  if (json.find("\\u") != std::string::npos) {
    const std::string_view text = json;
    for (size_t at = 0; at < text.size();) {
      for (const std::string& secret : secrets) {
        const size_t size = MatchSpelled(text.substr(at), secret);
        if (size > 0) found.push_back({.begin = at, .size = size});
      }
      at += FirstUnit(text.substr(at)).size;
    }
  }
  for (const Range& range : found) {
    json.replace(range.begin, range.size, range.size, '*');
  }
}

}  // namespace enveloperelay
