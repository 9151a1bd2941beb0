#ifndef ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace enveloperelay {

inline constexpr size_t kTokenBytesMin = 16;
inline constexpr size_t kTokenBytesMax = 256;
inline constexpr size_t kTokenNameBytesMax = 64;
inline constexpr size_t kTokensMax = 64;

// The tokens that let a sender in: any of them does, so that one can take the
// place of another without a gap. Each has a name, which tells it from the
// others where a token must not stand. Immutable, so thread-safe.
class TokenSet {
 public:
  // No tokens: none is asked for.
  TokenSet() = default;

  // Reads a token file. Each line is `TOKEN` or `NAME TOKEN`, with spaces or
  // tabs between and around them; empty lines and lines that begin with '#' do
  // not count.
  //   TOKEN  of letters, digits, '.', '_', '~' and '-', so that it stands in a
  //          URL as it is; none comes twice.
  //   NAME   of a-z, 0-9, '.', '_' and '-', shorter than its token, so that
  //          two that were swapped are found out; none comes twice. The token
  //          on a line without one is token-1 if it is the first in the file,
  //          token-2 if it is the second, and so on.
  // Errors: kInvalidArgument (names file and line, never what stands there; a
  // file without a token is one, too).
  static absl::StatusOr<TokenSet> Parse(std::string_view text,
                                        std::string_view path);

  bool empty() const { return tokens_.empty(); }
  std::span<const std::string> tokens() const { return tokens_; }
  // In the order of the tokens.
  std::span<const std::string> names() const { return names_; }

  // Which of the tokens `candidate` is; nothing if it is none. How long it
  // takes tells nothing of the tokens but their number: neither which one it
  // is, nor how near it came to one, nor how long they are.
  std::optional<size_t> Find(std::string_view candidate) const;

 private:
  // Tokens hold no NUL, so two are the same if and only if these are.
  using Padded = std::array<uint64_t, kTokenBytesMax / sizeof(uint64_t)>;

  // `token` is no longer than kTokenBytesMax.
  static Padded Pad(std::string_view token);
  // 1 if they are the same, else 0, always after the same work.
  static size_t Same(const Padded& a, const Padded& b);
  // Errors: kInvalidArgument, without the place.
  absl::Status AddLine(std::string_view line);

  std::vector<std::string> tokens_;
  std::vector<std::string> names_;
  std::vector<Padded> padded_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_
