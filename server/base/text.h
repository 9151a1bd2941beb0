#ifndef ENVELOPE_RELAY_SERVER_BASE_TEXT_H_
#define ENVELOPE_RELAY_SERVER_BASE_TEXT_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace enveloperelay {

// The part of `text` from the first to the last byte that is not one of
// `space`; empty if there is none.
std::string_view Trim(std::string_view text, std::string_view space = " \t");

// For functions of Abseil, whose string_view is its own here.
inline absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_TEXT_H_
