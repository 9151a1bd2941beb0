#include "server/http/address_counts.h"

#include <boost/asio/ip/address.hpp>
#include <cstddef>

#include "server/base/check.h"
#include "server/base/network.h"

namespace enveloperelay {
namespace ip = boost::asio::ip;

size_t AddressCounts::Add(const ip::address& address) {
  return ++counts_[AddressKeyOf(address)];
}

void AddressCounts::Remove(const ip::address& address) {
  const auto found = counts_.find(AddressKeyOf(address));
  RELAY_CHECK(found != counts_.end());
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace enveloperelay
