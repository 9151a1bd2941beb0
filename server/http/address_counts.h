#ifndef ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_
#define ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_

#include <boost/asio/ip/address.hpp>
#include <cstddef>

#include "absl/container/flat_hash_map.h"
#include "server/base/network.h"

namespace enveloperelay {

// How many connections each client address has; those with one AddressKey count
// as one. Holds only addresses with connections. Not thread-safe.
class AddressCounts {
 public:
  // One connection more; returns how many there are now.
  size_t Add(const boost::asio::ip::address& address);
  // One less, of those that were added.
  void Remove(const boost::asio::ip::address& address);

  // Of all addresses that have connections.
  size_t addresses() const { return counts_.size(); }

 private:
  absl::flat_hash_map<AddressKey, size_t> counts_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_
