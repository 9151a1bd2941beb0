#ifndef ENVELOPE_RELAY_SERVER_BASE_CRC32C_H_
#define ENVELOPE_RELAY_SERVER_BASE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace enveloperelay {

// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4.
uint32_t Crc32c(std::string_view bytes);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_CRC32C_H_
