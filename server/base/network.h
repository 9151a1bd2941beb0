#ifndef ENVELOPE_RELAY_SERVER_BASE_NETWORK_H_
#define ENVELOPE_RELAY_SERVER_BASE_NETWORK_H_

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace enveloperelay {

// The IPv4 address that an IPv4-mapped one (::ffff:192.0.2.1) stands for; any
// other address as it is, without its zone.
boost::asio::ip::address Unmapped(const boost::asio::ip::address& address);

// What addresses have in common that count as one where clients are limited: an
// IPv4 address and its mapped form, and the IPv6 addresses of one /64, since a
// client has at least that many to choose from.
using AddressKey = std::array<uint8_t, 16>;
AddressKey AddressKeyOf(const boost::asio::ip::address& address);

// The IP addresses with one prefix.
class Network {
 public:
  // Reads "192.0.2.0/24", "2001:db8::/32" or a single address. What is within
  // ::ffff:0:0/96 is read as the IPv4 network that it stands for.
  // Errors: kInvalidArgument, saying what is allowed; bits behind the prefix
  // are not, since one of the two must be a mistake.
  static absl::StatusOr<Network> Parse(std::string_view text);

  // IPv4-mapped addresses are the IPv4 ones that they stand for: no IPv6
  // network contains them.
  bool Contains(const boost::asio::ip::address& address) const;

  // Whether it has every address of its family.
  bool IsEverything() const { return prefix_bits_ == 0; }

  // "192.0.2.0/24"
  std::string ToString() const;

  friend bool operator==(const Network& a, const Network& b) = default;

 private:
  Network(const boost::asio::ip::address& address, unsigned prefix_bits);

  // An IPv4 address has the first four bytes.
  std::array<uint8_t, 16> bytes_{};
  bool v6_ = false;
  unsigned prefix_bits_ = 0;
};

inline constexpr size_t kNetworksMax = 256;

// Reads a list of at most kNetworksMax networks, separated by commas, spaces
// around them allowed; "" is an empty list. Errors: as of Network::Parse.
absl::StatusOr<std::vector<Network>> ParseNetworks(std::string_view text);

// Whether one of them contains the address.
bool AnyContains(std::span<const Network> networks,
                 const boost::asio::ip::address& address);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_NETWORK_H_
