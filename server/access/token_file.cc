#include "server/access/token_file.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr size_t kHashBytes = 32;

absl::Status BadLine(std::string_view path, size_t line,
                     std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "token file ", ToAbsl(path), " line ", line, ": ", ToAbsl(what)));
}

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= TokenFile::kNameBytesMax &&
         std::ranges::all_of(text, [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '.' || c == '_' || c == '-';
         });
}

// Returns the 32 bytes of "sha256:" and 64 digits; empty if it is not that.
std::string ReadHash(absl::string_view text) {
  const absl::string_view prefix = ToAbsl(kHashPrefix);
  if (text.substr(0, prefix.size()) != prefix) return "";
  text.remove_prefix(prefix.size());
  const bool digits = std::ranges::all_of(text, [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (text.size() != 2 * kHashBytes || !digits) return "";
  return absl::HexStringToBytes(text);
}

// Returns the token of a line, or what is wrong with it.
absl::StatusOr<TokenFile::Token> ReadLine(absl::string_view line,
                                          std::string_view path,
                                          size_t number) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.size() < 2 || words.size() > 3) {
    return BadLine(path, number, "allowed is NAME sha256:HASH [EXPIRES]");
  }
  TokenFile::Token token;
  if (!IsName(words[0])) {
    return BadLine(path, number,
                   "a name has 1 to 64 letters, digits, '.', '_' and '-'");
  }
  token.name = std::string(words[0]);
  token.hash = ReadHash(words[1]);
  if (token.hash.empty()) {
    return BadLine(
        path, number,
        "a hash is 'sha256:' and 64 hexadecimal digits; 'envelopectl "
        "token create' prints a line");
  }
  if (words.size() == 3 &&
      !absl::ParseTime(absl::RFC3339_full, words[2], &token.expires, nullptr)) {
    return BadLine(path, number,
                   "the time of expiry is one such as 2027-01-31T00:00:00Z");
  }
  return token;
}

}  // namespace

absl::StatusOr<TokenFile> TokenFile::Parse(std::string_view text,
                                           std::string_view path) {
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("token file ", ToAbsl(path),
                     " is empty; to withdraw the last token, leave a line that "
                     "begins with '#'"));
  }
  TokenFile file;
  size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Token> token = ReadLine(line, path, number);
    if (!token.ok()) return token.status();
    if (file.tokens_.size() == kTokensMax) {
      return BadLine(path, number, "at most 1000 tokens are allowed");
    }
    if (file.Find(token->hash) != nullptr) {
      return BadLine(path, number, "this hash stands in the file before");
    }
    file.tokens_.push_back(*std::move(token));
  }
  return file;
}

const TokenFile::Token* TokenFile::Find(std::string_view hash) const {
  if (hash.size() != kHashBytes) return nullptr;
  const Token* found = nullptr;
  for (const Token& token : tokens_) {
    const bool same =
        CRYPTO_memcmp(token.hash.data(), hash.data(), kHashBytes) == 0;
    found = same ? &token : found;
  }
  return found;
}

}  // namespace enveloperelay
