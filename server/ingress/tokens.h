#ifndef ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace enveloperelay {

inline constexpr size_t kTokenBytesMin = 16;
inline constexpr size_t kTokenBytesMax = 256;
inline constexpr size_t kTokensMax = 64;

// The tokens that let a sender in: any of them does, so that one can take the
// place of another without a gap. Immutable, so thread-safe.
class TokenSet {
 public:
  // No tokens: none is asked for.
  TokenSet() = default;

  // Reads a token file: one token a line, of letters, digits, '.', '_', '~' and
  // '-', so that it stands in a URL as it is. Spaces around it, empty lines and
  // lines that begin with '#' do not count.
  // Errors: kInvalidArgument (names file and line, never what stands there; a
  // file without a token is one, too), kNotFound, kPermissionDenied, kUnknown.
  static absl::StatusOr<TokenSet> Load(const std::string& path);

  // As Load, of a text that was read from `path`.
  static absl::StatusOr<TokenSet> Parse(std::string_view text,
                                        std::string_view path);

  bool empty() const { return tokens_.empty(); }
  std::span<const std::string> tokens() const { return tokens_; }

  // Whether `candidate` is one of the tokens. How long it takes tells nothing
  // of how near it came.
  bool Contains(std::string_view candidate) const;

 private:
  std::vector<std::string> tokens_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_TOKENS_H_
