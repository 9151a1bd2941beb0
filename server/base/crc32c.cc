#include "server/base/crc32c.h"

#include <boost/crc.hpp>
#include <cstdint>
#include <string_view>

namespace enveloperelay {

uint32_t Crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

}  // namespace enveloperelay
