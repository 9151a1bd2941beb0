#include "server/ingress/tokens.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/ingress/key_file.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kKind = "token file";

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '~' || c == '-';
}

bool IsNameCharacter(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.' ||
         c == '_' || c == '-';
}

absl::Status CheckToken(std::string_view token) {
  if (!std::ranges::all_of(token, IsTokenCharacter)) {
    return absl::InvalidArgumentError(
        "a token is made of letters, digits, '.', '_', '~' and '-'; a line is "
        "TOKEN or NAME TOKEN");
  }
  if (token.size() < kTokenBytesMin || token.size() > kTokenBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a token has %d to %d characters", kTokenBytesMin, kTokenBytesMax));
  }
  return absl::OkStatus();
}

absl::Status CheckName(std::string_view name, std::string_view token) {
  if (!std::ranges::all_of(name, IsNameCharacter) || name.empty() ||
      name.size() > kTokenNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the name in front of a token is made of 1 to %d of a-z, 0-9, '.', '_' "
        "and '-'",
        kTokenNameBytesMax));
  }
  if (name.size() >= token.size()) {
    return absl::InvalidArgumentError(
        "a name stands in front of its token and is shorter");
  }
  return absl::OkStatus();
}

}  // namespace

TokenSet::Padded TokenSet::Pad(std::string_view token) {
  Padded padded{};
  if (!token.empty()) std::memcpy(padded.data(), token.data(), token.size());
  return padded;
}

// CRYPTO_memcmp goes byte by byte: 0.6 us for each token, with every request.
size_t TokenSet::Same(const Padded& a, const Padded& b) {
  uint64_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  // The compiler must not know what it is, or it might stop early.
  asm volatile("" : "+r"(difference));
  return static_cast<size_t>(1 ^ (difference | (0 - difference)) >> 63U);
}

absl::StatusOr<TokenSet> TokenSet::Parse(std::string_view text,
                                         std::string_view path) {
  TokenSet set;
  const absl::Status status =
      ReadKeyLines(text, {.kind = kKind, .path = path},
                   [&set](std::string_view line) { return set.AddLine(line); });
  if (!status.ok()) return status;
  if (set.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s %s: there is no token in it", kKind, path));
  }
  return set;
}

absl::Status TokenSet::AddLine(std::string_view line) {
  if (tokens_.size() == kTokensMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("at most %d tokens are allowed", kTokensMax));
  }
  const size_t space = line.find_first_of(" \t");
  const bool named = space != std::string_view::npos;
  const std::string_view token =
      named ? line.substr(line.find_first_not_of(" \t", space)) : line;
  absl::Status status = CheckToken(token);
  if (!status.ok()) return status;
  std::string name = absl::StrCat("token-", tokens_.size() + 1);
  if (named) {
    name = line.substr(0, space);
    status = CheckName(name, token);
    if (!status.ok()) return status;
  }
  if (std::ranges::find(names_, name) != names_.end()) {
    return absl::InvalidArgumentError(
        "another token has this name; one without has that of its place, such "
        "as token-1");
  }
  if (Find(token).has_value()) {
    return absl::InvalidArgumentError("this token has come before");
  }
  tokens_.emplace_back(token);
  names_.push_back(std::move(name));
  padded_.push_back(Pad(token));
  return absl::OkStatus();
}

std::optional<size_t> TokenSet::Find(std::string_view candidate) const {
  if (candidate.size() > kTokenBytesMax ||
      candidate.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const Padded padded = Pad(candidate);
  // 0, or one more than the place: without a branch that tells.
  size_t found = 0;
  for (size_t i = 0; i < padded_.size(); ++i) {
    found |= (0 - Same(padded, padded_[i])) & (i + 1);
  }
  if (found == 0) return std::nullopt;
  return found - 1;
}

}  // namespace enveloperelay
