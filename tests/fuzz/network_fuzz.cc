// Lists of networks, and who a chain of proxies speaks for: what is read is
// written and read again as it was, and a client is never a trusted proxy
// while somebody else stands behind it.
#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/base/network.h"
#include "server/ingress/client_address.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::make_address;

std::vector<Network> Check(std::string_view text) {
  const absl::StatusOr<std::vector<Network>> networks = ParseNetworks(text);
  if (!networks.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(networks.status()));
    return {};
  }
  RELAY_CHECK(networks->size() <= kNetworksMax);
  for (const Network& network : *networks) {
    const absl::StatusOr<Network> again = Network::Parse(network.ToString());
    RELAY_CHECK(again.ok() && *again == network);
    // It contains the address that names it.
    const std::string written = network.ToString();
    const address first = make_address(written.substr(0, written.find('/')));
    RELAY_CHECK(network.Contains(first));
    RELAY_CHECK(AnyContains(*networks, first));
  }
  return *networks;
}

void CheckForwarded(std::string_view text,
                    const std::vector<Network>& trusted) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  for (const char* const peer : {"192.0.2.1", "2001:db8::1", "127.0.0.1"}) {
    const address from = make_address(peer);
    const ClientAddress client = FindClientAddress(from, lines, trusted);
    // Nobody but a trusted proxy is believed.
    if (!AnyContains(trusted, from)) {
      RELAY_CHECK(client.known && client.address == from);
    }
    // The proxy is the last that is known.
    if (!client.known) RELAY_CHECK(AnyContains(trusted, client.address));
  }
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  // The first line is the list, the others are of X-Forwarded-For.
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  const size_t end = std::min(text.find('\n'), text.size());
  const std::vector<Network> networks = Check(text.substr(0, end));
  CheckForwarded(text.substr(std::min(end + 1, text.size())), networks);
  return 0;
}
