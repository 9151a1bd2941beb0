#ifndef ENVELOPE_RELAY_SERVER_ACCESS_TOKEN_FILE_H_
#define ENVELOPE_RELAY_SERVER_ACCESS_TOKEN_FILE_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay {

// Bearer tokens that callers may show, as their hashes: one a line,
//
//   # NAME HASH [EXPIRES]
//   billing sha256:9f86d0…  2027-01-31T00:00:00Z
//
// NAME is who the caller is: "token:billing". A name may stand in several
// lines, so that one token can take the place of another without a gap. The
// hash is SHA-256: a fast one, for a token is 256 random bits, of which none
// can be guessed whatever a guess costs. (Slow hashes are for passwords.)
// Immutable, so thread-safe.
class TokenFile {
 public:
  static constexpr size_t kTokensMax = 1000;
  static constexpr size_t kNameBytesMax = 64;
  static constexpr size_t kTokenBytesMax = 256;

  struct Token {
    std::string name;
    std::string hash;  // 32 bytes
    absl::Time expires = absl::InfiniteFuture();
  };

  // Reads what stands in the file `path`. One without tokens but with a comment
  // is allowed, for the last token can be withdrawn; an empty one is not, since
  // that is what a file looks like that is just being written.
  // Errors: kInvalidArgument, which names file and line, never what stands
  // there.
  static absl::StatusOr<TokenFile> Parse(std::string_view text,
                                         std::string_view path);

  // Returns the token with that hash, or null. How long it takes tells nothing
  // of how near any came.
  const Token* Find(std::string_view hash) const;

  std::span<const Token> tokens() const { return tokens_; }

 private:
  std::vector<Token> tokens_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_ACCESS_TOKEN_FILE_H_
