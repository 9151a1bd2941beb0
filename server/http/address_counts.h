#ifndef ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_
#define ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace enveloperelay {

// How many connections each client address has. Of IPv6 a /64 counts as one
// address, since a client has at least that many to choose from; an IPv4
// address counts as one with its mapped form (::ffff:192.0.2.1). Holds only
// addresses with connections. Not thread-safe.
class AddressCounts {
 public:
  // One connection more; returns how many there are now.
  size_t Add(const boost::asio::ip::address& address);
  // One less, of those that were added.
  void Remove(const boost::asio::ip::address& address);

  // Of all addresses that have connections.
  size_t addresses() const { return counts_.size(); }

 private:
  absl::flat_hash_map<std::array<uint8_t, 16>, size_t> counts_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_ADDRESS_COUNTS_H_
