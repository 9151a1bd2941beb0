#include "server/ingress/client_address.h"

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/network.h"

namespace enveloperelay {
namespace {

// What FindClientAddress says when 10.0.0.0/8, 192.0.2.7 and fd00::/8 are
// trusted; "?" behind the address: the client is not known.
std::string Find(const char* peer, const std::vector<std::string_view>& lines) {
  const std::vector<Network> trusted =
      ParseNetworks("10.0.0.0/8,192.0.2.7,fd00::/8").value();
  const ClientAddress client =
      FindClientAddress(boost::asio::ip::make_address(peer), lines, trusted);
  return client.address.to_string() + (client.known ? "" : "?");
}

TEST(ClientAddressTest, IsTheRightMostThatIsNoTrustedProxy) {
  struct Case {
    const char* peer;
    std::vector<std::string_view> lines;
    const char* client;
  };
  for (const Case& c : std::vector<Case>{
           // A peer that is no proxy speaks for itself.
           {"203.0.113.1", {}, "203.0.113.1"},
           {"203.0.113.1", {"198.51.100.1"}, "203.0.113.1"},
           {"203.0.113.1", {"10.0.0.1"}, "203.0.113.1"},
           // One proxy.
           {"10.0.0.1", {"198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {" 198.51.100.1\t"}, "198.51.100.1"},
           {"10.0.0.1", {"2001:db8::1"}, "2001:db8::1"},
           {"::ffff:10.0.0.1", {"198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {"::ffff:198.51.100.1"}, "198.51.100.1"},
           {"fd00::1", {"198.51.100.1"}, "198.51.100.1"},
           // What the client itself has sent stands further to the left.
           {"10.0.0.1", {"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {"10.0.0.9, 198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {"nonsense, 198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {",,, 198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
           {"10.0.0.1", {"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
           // Several proxies.
           {"10.0.0.1", {"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
           {"10.0.0.1",
            {"203.0.113.9, 198.51.100.1", "192.0.2.7, 10.0.0.2"},
            "198.51.100.1"},
           {"10.0.0.1", {"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
           // With ports.
           {"10.0.0.1", {"198.51.100.1:1234"}, "198.51.100.1"},
           {"10.0.0.1", {"[2001:db8::1]:1234"}, "2001:db8::1"},
           {"10.0.0.1", {"[2001:db8::1]"}, "2001:db8::1"},
           // A proxy itself.
           {"10.0.0.1", {}, "10.0.0.1"},
           {"10.0.0.1", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
       }) {
    EXPECT_EQ(Find(c.peer, c.lines), c.client);
  }
}

TEST(ClientAddressTest, IsNotKnownWhenAProxyWroteNoAddress) {
  struct Case {
    std::vector<std::string_view> lines;
    const char* client;
  };
  for (const Case& c : std::vector<Case>{
           {{""}, "10.0.0.1?"},
           {{"unknown"}, "10.0.0.1?"},
           {{"_hidden"}, "10.0.0.1?"},
           {{"198.51.100.1,"}, "10.0.0.1?"},
           {{"198.51.100.1 203.0.113.9"}, "10.0.0.1?"},
           {{"198.51.100"}, "10.0.0.1?"},
           {{"198.51.100.1:"}, "10.0.0.1?"},
           {{"198.51.100.1:x"}, "10.0.0.1?"},
           {{"198.51.100.1/32"}, "10.0.0.1?"},
           {{"\"198.51.100.1\""}, "10.0.0.1?"},
           {{"[198.51.100.1]"}, "10.0.0.1?"},
           {{"[2001:db8::1"}, "10.0.0.1?"},
           {{"[2001:db8::1]x"}, "10.0.0.1?"},
           {{"[]"}, "10.0.0.1?"},
           {{"198.51.100.1, nonsense, 10.0.0.2"}, "10.0.0.2?"},
           {{"198.51.100.1", ""}, "10.0.0.1?"},
       }) {
    EXPECT_EQ(Find("10.0.0.1", c.lines), c.client) << c.lines.front();
  }
}

TEST(ClientAddressTest, LooksAtABoundedNumberOfProxies) {
  std::string proxies = "10.0.0.2";
  for (size_t i = 2; i < kForwardedAddressesMax; ++i) proxies += ",10.0.0.2";
  EXPECT_EQ(Find("10.0.0.1", {"198.51.100.1," + proxies}), "198.51.100.1");
  EXPECT_EQ(Find("10.0.0.1", {"198.51.100.1,10.0.0.2," + proxies}),
            "10.0.0.2?");
}

TEST(ClientAddressTest, WithoutTrustedProxiesItIsThePeer) {
  const std::vector<std::string_view> lines = {"198.51.100.1"};
  EXPECT_EQ(FindClientAddress(boost::asio::ip::make_address("::ffff:10.0.0.1"),
                              lines, {})
                .address.to_string(),
            "10.0.0.1");
}

}  // namespace
}  // namespace enveloperelay
