#include "server/ingress/client_address.h"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>

#include "server/base/network.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

namespace ip = boost::asio::ip;

// Longer than any address with a port.
constexpr size_t kEntryBytesMax = 64;

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Some proxies write "192.0.2.1:1234", "[2001:db8::1]" or
// "[2001:db8::1]:1234".
std::optional<ip::address> AddressOf(std::string_view entry) {
  if (entry.size() > kEntryBytesMax) return std::nullopt;
  bool v6_only = false;
  if (entry.starts_with('[')) {
    const size_t end = entry.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = entry.substr(end + 1);
    if (!rest.empty() && !(rest.front() == ':' && IsPort(rest.substr(1)))) {
      return std::nullopt;
    }
    entry = entry.substr(1, end - 1);
    v6_only = true;
  } else if (const size_t colon = entry.find(':');
             colon != std::string_view::npos && colon == entry.rfind(':')) {
    if (!IsPort(entry.substr(colon + 1))) return std::nullopt;
    entry = entry.substr(0, colon);
  }
  boost::system::error_code error;
  const ip::address address = ip::make_address(std::string(entry), error);
  if (error || (v6_only && !address.is_v6())) return std::nullopt;
  return Unmapped(address);
}

}  // namespace

ClientAddress FindClientAddress(const ip::address& peer,
                                std::span<const std::string_view> forwarded_for,
                                std::span<const Network> trusted) {
  ClientAddress client = {.address = Unmapped(peer)};
  if (!AnyContains(trusted, client.address)) return client;
  size_t seen = 0;
  for (std::string_view list : std::views::reverse(forwarded_for)) {
    while (true) {
      const size_t comma = list.rfind(',');
      const std::optional<ip::address> address = AddressOf(Trim(
          comma == std::string_view::npos ? list : list.substr(comma + 1)));
      if (!address.has_value() || ++seen > kForwardedAddressesMax) {
        client.known = false;
        return client;
      }
      client.address = *address;
      if (!AnyContains(trusted, client.address)) return client;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return client;
}

}  // namespace enveloperelay
