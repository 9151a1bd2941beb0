#include "server/base/address.h"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace enveloperelay {
namespace {

absl::Status NotAnAddress(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", absl::string_view(text.data(), text.size()),
      "' is not an address; allowed is IP:PORT, such as 127.0.0.1:8080, "
      "[::1]:8080 or 0.0.0.0:8080 (port 0: any free one)"));
}

}  // namespace

std::string Address::ToString() const {
  const bool v6 = ip.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", ip, "]:", port) : absl::StrCat(ip, ":", port);
}

bool Address::IsLoopback() const {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(ip, error);
  return !error && parsed.is_loopback();
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return NotAnAddress(text);
  std::string_view ip = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  const bool bracketed = ip.starts_with('[') && ip.ends_with(']');
  if (bracketed) ip = ip.substr(1, ip.size() - 2);
  if (ip == "localhost") ip = "127.0.0.1";
  // make_address() would stop reading there.
  if (ip.find('\0') != std::string_view::npos) return NotAnAddress(text);
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(std::string(ip), error);
  uint32_t number = 0;
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") ==
                                           std::string_view::npos;
  if (error || parsed.is_v6() != bracketed || !digits ||
      !absl::SimpleAtoi(absl::string_view(port.data(), port.size()), &number) ||
      number > UINT16_MAX) {
    return NotAnAddress(text);
  }
  return Address{.ip = std::string(ip), .port = static_cast<uint16_t>(number)};
}

}  // namespace enveloperelay
