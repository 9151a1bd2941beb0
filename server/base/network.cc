#include "server/base/network.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned kMappedPrefixBits = 96;
constexpr size_t kClientPrefixBytes = 8;

absl::Status NotANetwork(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", absl::string_view(text.data(), text.size()), "' ",
      absl::string_view(why.data(), why.size()),
      "; allowed is an address or a network such as 192.0.2.0/24 or "
      "2001:db8::/32"));
}

std::array<uint8_t, 16> BytesOf(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  std::array<uint8_t, 16> bytes{};
  std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
  return bytes;
}

// The `bit`th of the bytes' bits, the highest of the first byte being 0.
bool BitAt(const std::array<uint8_t, 16>& bytes, unsigned bit) {
  return (bytes.at(bit / 8) >> (7 - bit % 8) & 1U) != 0;
}

}  // namespace

ip::address Unmapped(const ip::address& address) {
  if (!address.is_v6()) return address;
  const ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6);
  return ip::address_v6(v6.to_bytes());
}

AddressKey AddressKeyOf(const ip::address& address) {
  if (address.is_v4()) {
    return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
  }
  AddressKey key = address.to_v6().to_bytes();
  if (!address.to_v6().is_v4_mapped()) {
    std::fill(key.begin() + kClientPrefixBytes, key.end(), uint8_t{0});
  }
  return key;
}

Network::Network(const ip::address& address, unsigned prefix_bits)
    : bytes_(BytesOf(address)),
      v6_(address.is_v6()),
      prefix_bits_(prefix_bits) {}

absl::StatusOr<Network> Network::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  boost::system::error_code error;
  ip::address address = ip::make_address(std::string(address_text), error);
  if (error || address_text.find('%') != std::string_view::npos) {
    return NotANetwork(text, "has no IP address in front");
  }
  const unsigned bits_max = address.is_v6() ? 128 : 32;
  unsigned prefix_bits = bits_max;
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(slash + 1);
    const bool digits =
        !prefix.empty() && prefix.size() <= 3 &&
        prefix.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits ||
        !absl::SimpleAtoi(absl::string_view(prefix.data(), prefix.size()),
                          &prefix_bits) ||
        prefix_bits > bits_max) {
      return NotANetwork(
          text, address.is_v6() ? "has no prefix from 0 to 128 behind the '/'"
                                : "has no prefix from 0 to 32 behind the '/'");
    }
  }
  if (address.is_v6() && address.to_v6().is_v4_mapped() &&
      prefix_bits >= kMappedPrefixBits) {
    address = Unmapped(address);
    prefix_bits -= kMappedPrefixBits;
  }
  const Network network(address, prefix_bits);
  for (unsigned bit = prefix_bits; bit < (address.is_v6() ? 128U : 32U);
       ++bit) {
    if (BitAt(network.bytes_, bit)) {
      return NotANetwork(text, "has bits behind its prefix");
    }
  }
  return network;
}

bool Network::Contains(const ip::address& address) const {
  const ip::address unmapped = Unmapped(address);
  if (unmapped.is_v6() != v6_) return false;
  const std::array<uint8_t, 16> bytes = BytesOf(unmapped);
  const unsigned whole = prefix_bits_ / 8;
  const unsigned rest = prefix_bits_ % 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + whole, bytes.begin())) {
    return false;
  }
  return rest == 0 || (bytes_.at(whole) ^ bytes.at(whole)) >> (8 - rest) == 0;
}

std::string Network::ToString() const {
  if (v6_) {
    return absl::StrCat(ip::address_v6(bytes_).to_string(), "/", prefix_bits_);
  }
  ip::address_v4::bytes_type bytes{};
  std::copy_n(bytes_.begin(), bytes.size(), bytes.begin());
  return absl::StrCat(ip::address_v4(bytes).to_string(), "/", prefix_bits_);
}

absl::StatusOr<std::vector<Network>> ParseNetworks(std::string_view text) {
  std::vector<Network> networks;
  if (Trim(text).empty()) return networks;
  while (true) {
    const size_t comma = text.find(',');
    absl::StatusOr<Network> network =
        Network::Parse(Trim(text.substr(0, comma)));
    if (!network.ok()) return network.status();
    if (networks.size() == kNetworksMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kNetworksMax, " networks"));
    }
    networks.push_back(*std::move(network));
    if (comma == std::string_view::npos) return networks;
    text.remove_prefix(comma + 1);
  }
}

bool AnyContains(std::span<const Network> networks,
                 const ip::address& address) {
  return std::ranges::any_of(networks, [&address](const Network& network) {
    return network.Contains(address);
  });
}

}  // namespace enveloperelay
