#include "server/signplus/redact.h"

#include <string.h>  // NOLINT(modernize-deprecated-headers): memmem

#include <algorithm>
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

// A character as it is spelled: itself, or an escape.
struct Unit {
  size_t size = 0;
  // What it stands for; nothing if that is no ASCII character.
  std::optional<char> character = std::nullopt;
};

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The ASCII character whose code `text` begins with, in that many hexadecimal
// digits.
std::optional<char> HexCharacter(std::string_view text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int code = 0;
  for (const char c : text.substr(0, digits)) {
    const int digit = HexDigit(c);
    if (digit < 0) return std::nullopt;
    code = code * 16 + digit;
  }
  if (code > 0x7F) return std::nullopt;
  return static_cast<char>(code);
}

// `text` begins with a backslash. In JSON that stands in a string of JSON, each
// backslash has become several.
Unit Backslashed(std::string_view text) {
  const size_t end = text.find_first_not_of('\\');
  const size_t size = end == std::string_view::npos ? text.size() : end;
  if (size == text.size() || text[size] != 'u') return {.size = size};
  const std::optional<char> character = HexCharacter(text.substr(size + 1), 4);
  if (!character.has_value()) return {.size = size};
  return {.size = size + 5, .character = character};
}

// `text` begins with '%', which becomes %25 when it is encoded once more.
Unit PercentEncoded(std::string_view text) {
  size_t size = 1;
  while (text.substr(size).starts_with("25")) size += 2;
  const std::optional<char> character = HexCharacter(text.substr(size), 2);
  if (!character.has_value()) return {.size = 1};
  return {.size = size + 2, .character = character};
}

// `text` is not empty.
Unit FirstUnit(std::string_view text) {
  if (text.front() == '\\') return Backslashed(text);
  if (text.front() == '%') return PercentEncoded(text);
  return {.size = 1, .character = text.front()};
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

// With any character spelled otherwise.
void FindSpelled(std::string_view text, std::span<const std::string> secrets,
                 std::vector<Range>& found) {
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const Unit unit = FirstUnit(rest);
    for (const std::string& secret : secrets) {
      if (unit.character != secret.front()) continue;
      const size_t size = MatchSpelled(rest, secret);
      if (size > 0) found.push_back({.begin = at, .size = size});
    }
    // What follows the mark of an escape may begin a secret itself. All of a
    // row of backslashes is passed over: there may be very many.
    at += rest.front() == '\\'
              ? std::min(rest.find_first_not_of('\\'), rest.size())
              : 1;
  }
}

// Size of the escape that stands in JSON behind a backslash (RFC 8259, section
// 7), without that; 0: none. Of a surrogate too: there it takes two of them.
size_t EscapeSize(std::string_view text) {
  constexpr std::string_view kShort = "/bfnrt";
  if (text.empty()) return 0;
  if (kShort.find(text.front()) != std::string_view::npos) return 1;
  const std::string_view code = text.substr(1, 4);
  const bool is_code =
      text.front() == 'u' && code.size() == 4 &&
      std::ranges::all_of(code, [](char c) { return HexDigit(c) >= 0; });
  if (!is_code || (HexDigit(code[0]) == 0xD && HexDigit(code[1]) >= 8))
    return 0;
  return 5;
}

// Where the escape begins of which `at` is an inner byte; `at` if of none. A
// part of an escape, blanked, would be none.
size_t EscapeBegin(std::string_view text, size_t at) {
  constexpr size_t kEscapeSizeMax = 5;
  size_t begin = at;
  do {
    if (begin == 0 || at - begin == kEscapeSizeMax) return at;
    --begin;
  } while (text[begin] != '\\');
  const size_t size = EscapeSize(text.substr(begin + 1));
  // Each backslash but the last of a row stands for itself with the next.
  const size_t before = text.find_last_not_of('\\', begin);
  const size_t row =
      before == std::string_view::npos ? begin + 1 : begin - before;
  return row % 2 == 1 && at - begin <= size ? begin : at;
}

// Either byte order: the bytes of ASCII characters have a zero between them.
std::string AsUtf16(std::string_view secret) {
  std::string bytes(secret.size() * 2 - 1, '\0');
  for (size_t i = 0; i < secret.size(); ++i) bytes[i * 2] = secret[i];
  return bytes;
}

}  // namespace

void BlankSecrets(std::span<const std::string> secrets, std::string& text) {
  if (secrets.empty()) return;
  std::vector<Range> found;
  for (const std::string& secret : secrets) FindLiteral(text, secret, found);
  if (text.find("\\u") != std::string::npos ||
      text.find('%') != std::string::npos) {
    FindSpelled(text, secrets, found);
  }
  if (text.find('\0') != std::string::npos) {
    for (const std::string& secret : secrets) {
      FindLiteral(text, AsUtf16(secret), found);
    }
  }
  for (Range& range : found) {
    const size_t begin = EscapeBegin(text, range.begin);
    range.size += range.begin - begin;
    range.begin = begin;
  }
  for (const Range& range : found) {
    text.replace(range.begin, range.size, range.size, '*');
  }
}

}  // namespace enveloperelay
