#ifndef ENVELOPE_RELAY_CLIENT_UTF8_H_
#define ENVELOPE_RELAY_CLIENT_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace enveloperelay::client {

// Returns `text` as a proto string may hold it: bytes that are not UTF-8 become
// '?', and what would go over `bytes_max` is cut off between two characters.
std::string ValidUtf8(std::string_view text, size_t bytes_max);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_UTF8_H_
