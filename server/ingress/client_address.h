#ifndef ENVELOPE_RELAY_SERVER_INGRESS_CLIENT_ADDRESS_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_CLIENT_ADDRESS_H_

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <span>
#include <string_view>

#include "server/base/network.h"

namespace enveloperelay {

// Addresses of X-Forwarded-For that are looked at, from the right.
inline constexpr size_t kForwardedAddressesMax = 32;

// Where a request came from.
struct ClientAddress {
  boost::asio::ip::address address;
  // False: a trusted proxy has not said clearly who it speaks for, and
  // `address` is that of the last proxy that is known.
  bool known = true;
};

// The address of the peer, unless that is one of the `trusted` proxies. Then
// the right-most address of X-Forwarded-For (its lines make one list) that is
// not one of them, since each proxy adds the one it was called from at the
// right: what stands further to the left may be a lie. If all are proxies, or
// there is no such field, the left-most: a proxy itself. An entry that is no
// address, reached before an untrusted one, ends the search: then the client is
// not known.
ClientAddress FindClientAddress(const boost::asio::ip::address& peer,
                                std::span<const std::string_view> forwarded_for,
                                std::span<const Network> trusted);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_CLIENT_ADDRESS_H_
