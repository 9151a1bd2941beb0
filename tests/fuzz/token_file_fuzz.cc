// Files of hashed tokens: read within their limits or refused without a word
// of what stands there.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/token_file.h"
#include "server/base/check.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  const absl::StatusOr<TokenFile> file = TokenFile::Parse(text, "tokens");
  if (!file.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(file.status()));
    RELAY_CHECK(file.status().message().size() < 300);
    return 0;
  }
  constexpr size_t kHashSize = 32;
  RELAY_CHECK(file->tokens().size() <= TokenFile::kTokensMax);
  for (const TokenFile::Token& token : file->tokens()) {
    RELAY_CHECK(token.hash.size() == kHashSize);
    RELAY_CHECK(!token.name.empty() &&
                token.name.size() <= TokenFile::kNameBytesMax);
    const TokenFile::Token* const found = file->Find(token.hash);
    RELAY_CHECK(found != nullptr && found->hash == token.hash);
  }
  RELAY_CHECK(file->Find("") == nullptr);
  return 0;
}
