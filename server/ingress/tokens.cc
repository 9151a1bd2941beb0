#include "server/ingress/tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace enveloperelay {
namespace {

// Room for kTokensMax tokens and as much again of comments.
constexpr size_t kFileBytesMax = size_t{64} * 1024;

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '~' || c == '-';
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

absl::Status BadLine(std::string_view path, size_t line, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrFormat("token file %s, line %d: %s", path, line, what));
}

// Tokens hold no NUL, so two are the same if and only if these are.
using Padded = std::array<char, kTokenBytesMax>;

Padded Pad(std::string_view token) {
  Padded padded{};
  std::ranges::copy(token, padded.begin());
  return padded;
}

}  // namespace

absl::StatusOr<TokenSet> TokenSet::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  if (!file) {
    return absl::ErrnoToStatus(errno, "cannot open the token file " + path);
  }
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    return absl::ErrnoToStatus(errno, "cannot read the token file " + path);
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "token file %s: larger than %d bytes", path, kFileBytesMax));
  }
  return Parse(text, path);
}

absl::StatusOr<TokenSet> TokenSet::Parse(std::string_view text,
                                         std::string_view path) {
  TokenSet set;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (!std::ranges::all_of(line, IsTokenCharacter)) {
      return BadLine(path, number,
                     "a token is made of letters, digits, '.', '_', '~' and "
                     "'-', one token a line");
    }
    if (line.size() < kTokenBytesMin || line.size() > kTokenBytesMax) {
      return BadLine(path, number, "a token has 16 to 256 characters");
    }
    if (set.tokens_.size() == kTokensMax) {
      return BadLine(path, number, "at most 64 tokens are allowed");
    }
    set.tokens_.emplace_back(line);
  }
  if (set.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("token file %s: there is no token in it", path));
  }
  return set;
}

bool TokenSet::Contains(std::string_view candidate) const {
  if (candidate.size() > kTokenBytesMax ||
      candidate.find('\0') != std::string_view::npos) {
    return false;
  }
  const Padded padded = Pad(candidate);
  unsigned found = 0;
  for (const std::string& token : tokens_) {
    const Padded wanted = Pad(token);
    found |= static_cast<unsigned>(
        CRYPTO_memcmp(padded.data(), wanted.data(), padded.size()) == 0);
  }
  return found != 0;
}

}  // namespace enveloperelay
