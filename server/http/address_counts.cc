#include "server/http/address_counts.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <cstddef>
#include <cstdint>

#include "server/base/check.h"

namespace enveloperelay {
namespace {

namespace ip = boost::asio::ip;

constexpr size_t kV6PrefixBytes = 8;

std::array<uint8_t, 16> KeyOf(const ip::address& address) {
  if (address.is_v4()) {
    return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
  }
  std::array<uint8_t, 16> key = address.to_v6().to_bytes();
  if (!address.to_v6().is_v4_mapped()) {
    std::fill(key.begin() + kV6PrefixBytes, key.end(), uint8_t{0});
  }
  return key;
}

}  // namespace

size_t AddressCounts::Add(const ip::address& address) {
  return ++counts_[KeyOf(address)];
}

void AddressCounts::Remove(const ip::address& address) {
  const auto found = counts_.find(KeyOf(address));
  RELAY_CHECK(found != counts_.end());
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace enveloperelay
