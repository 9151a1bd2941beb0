// Token files of the ingress: read within their limits or refused, and what
// was read lets in just what stands there.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/ingress/tokens.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  const absl::StatusOr<TokenSet> set = TokenSet::Parse(text, "tokens");
  if (!set.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(set.status()));
    RELAY_CHECK(set.status().message().size() < 300);
    return 0;
  }
  RELAY_CHECK(!set->empty() && set->tokens().size() <= kTokensMax);
  RELAY_CHECK(set->names().size() == set->tokens().size());
  for (size_t i = 0; i < set->tokens().size(); ++i) {
    const std::string& token = set->tokens()[i];
    RELAY_CHECK(token.size() >= kTokenBytesMin &&
                token.size() <= kTokenBytesMax);
    RELAY_CHECK(text.find(token) != std::string_view::npos);
    RELAY_CHECK(set->Find(token) == i);
    RELAY_CHECK(!set->names()[i].empty() &&
                set->names()[i].size() <= kTokenNameBytesMax);
  }
  RELAY_CHECK(!set->Find("").has_value());
  RELAY_CHECK(!set->Find(set->tokens()[0] + "!").has_value());
  return 0;
}
