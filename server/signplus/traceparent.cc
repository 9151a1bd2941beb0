#include "server/signplus/traceparent.h"

#include <cstddef>
#include <string_view>

namespace enveloperelay {
namespace {

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) &&
         text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

bool IsTraceparent(std::string_view text) {
  constexpr size_t kSize = 55;
  return text.size() == kSize && text.starts_with("00-") && text[35] == '-' &&
         text[52] == '-' && IsId(text.substr(3, 32)) &&
         IsId(text.substr(36, 16)) && IsLowerHex(text.substr(53, 2));
}

}  // namespace enveloperelay
