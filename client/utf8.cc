#include "client/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace enveloperelay::client {
namespace {

// Returns the bytes of the first character of `text`; 0 when it is not UTF-8
// (RFC 3629, section 4).
size_t CharacterBytes(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  size_t size = 2;
  if (lead >= 0xE0) size = 3;
  if (lead >= 0xF0) size = 4;
  if (text.size() < size) return 0;
  // The second byte has bounds of its own: no surrogates, nothing above
  // U+10FFFF, nothing longer than it must be.
  uint8_t first = 0x80;
  uint8_t last = 0xBF;
  if (lead == 0xE0) first = 0xA0;
  if (lead == 0xED) last = 0x9F;
  if (lead == 0xF0) first = 0x90;
  if (lead == 0xF4) last = 0x8F;
  for (size_t i = 1; i < size; ++i) {
    if (byte(i) < first || byte(i) > last) return 0;
    first = 0x80;
    last = 0xBF;
  }
  return size;
}

}  // namespace

std::string ValidUtf8(std::string_view text, size_t bytes_max) {
  std::string valid;
  valid.reserve(std::min(text.size(), bytes_max));
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    if (valid.size() + std::max<size_t>(size, 1) > bytes_max) break;
    if (size == 0) {
      valid += '?';
    } else {
      valid += text.substr(0, size);
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return valid;
}

}  // namespace enveloperelay::client
