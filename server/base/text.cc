#include "server/base/text.h"

#include <cstddef>
#include <string_view>

namespace enveloperelay {

std::string_view Trim(std::string_view text, std::string_view space) {
  const size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

}  // namespace enveloperelay
