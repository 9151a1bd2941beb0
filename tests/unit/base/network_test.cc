#include "server/base/network.h"

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

boost::asio::ip::address Address(const char* text) {
  return boost::asio::ip::make_address(text);
}

Network MustParse(std::string_view text) {
  const absl::StatusOr<Network> network = Network::Parse(text);
  EXPECT_TRUE(network.ok()) << network.status();
  return network.value();
}

TEST(NetworkTest, ContainsTheAddressesWithItsPrefix) {
  struct Case {
    const char* network;
    const char* address;
    bool contains;
  };
  for (const Case& c : std::vector<Case>{
           {"192.0.2.0/24", "192.0.2.0", true},
           {"192.0.2.0/24", "192.0.2.255", true},
           {"192.0.2.0/24", "192.0.3.0", false},
           {"192.0.2.0/24", "192.0.1.255", false},
           {"192.0.2.128/25", "192.0.2.128", true},
           {"192.0.2.128/25", "192.0.2.127", false},
           {"10.0.0.0/9", "10.127.255.255", true},
           {"10.0.0.0/9", "10.128.0.0", false},
           {"192.0.2.7", "192.0.2.7", true},
           {"192.0.2.7", "192.0.2.6", false},
           {"192.0.2.7/32", "192.0.2.6", false},
           {"0.0.0.0/0", "255.255.255.255", true},
           {"2001:db8::/32", "2001:db8:ffff::1", true},
           {"2001:db8::/32", "2001:db9::", false},
           {"2001:db8::/33", "2001:db8:8000::", false},
           {"2001:db8::1", "2001:db8::1", true},
           {"2001:db8::1", "2001:db8::2", false},
           {"fe80::/10", "fe80::1%1", true},
           {"::/0", "2001:db8::1", true},
           // One family holds no address of the other,
           {"::/0", "192.0.2.1", false},
           {"0.0.0.0/0", "2001:db8::1", false},
           {"0.0.0.0/0", "::1", false},
           // and an IPv4-mapped address is one of IPv4.
           {"192.0.2.0/24", "::ffff:192.0.2.1", true},
           {"192.0.2.0/24", "::ffff:192.0.3.1", false},
           {"::ffff:192.0.2.0/120", "192.0.2.1", true},
           {"::ffff:192.0.2.0/120", "::ffff:192.0.2.1", true},
           {"::ffff:192.0.2.0/120", "192.0.3.1", false},
           {"::ffff:0:0/96", "192.0.2.1", true},
           {"::/0", "::ffff:192.0.2.1", false},
       }) {
    EXPECT_EQ(MustParse(c.network).Contains(Address(c.address)), c.contains)
        << c.network << " " << c.address;
  }
}

TEST(NetworkTest, IsWrittenWithItsPrefix) {
  EXPECT_EQ(MustParse("192.0.2.0/24").ToString(), "192.0.2.0/24");
  EXPECT_EQ(MustParse("192.0.2.1").ToString(), "192.0.2.1/32");
  EXPECT_EQ(MustParse("2001:DB8::/32").ToString(), "2001:db8::/32");
  EXPECT_EQ(MustParse("::ffff:192.0.2.0/120").ToString(), "192.0.2.0/24");
}

TEST(NetworkTest, RefusesWhatIsNone) {
  struct Case {
    const char* text;
    const char* why;
  };
  for (const Case& c : std::vector<Case>{
           {"", "has no IP address"},
           {"192.0.2", "has no IP address"},
           {"192.0.2.0.0/24", "has no IP address"},
           {"192.0.2.256", "has no IP address"},
           {"example.com/24", "has no IP address"},
           {"/24", "has no IP address"},
           {"[2001:db8::]/32", "has no IP address"},
           {"fe80::%1/64", "has no IP address"},
           {"fe80::1%eth0", "has no IP address"},
           {"192.0.2.0/", "prefix from 0 to 32"},
           {"192.0.2.0/33", "prefix from 0 to 32"},
           {"192.0.2.0/+24", "prefix from 0 to 32"},
           {"192.0.2.0/-1", "prefix from 0 to 32"},
           {"192.0.2.0/24 ", "prefix from 0 to 32"},
           {"192.0.2.0/24/24", "prefix from 0 to 32"},
           {"192.0.2.0/255.255.255.0", "prefix from 0 to 32"},
           {"192.0.2.0/4294967320", "prefix from 0 to 32"},
           {"2001:db8::/129", "prefix from 0 to 128"},
           {"192.0.2.1/24", "bits behind its prefix"},
           {"0.0.0.1/0", "bits behind its prefix"},
           {"2001:db8::1/64", "bits behind its prefix"},
           {"::ffff:192.0.2.1/120", "bits behind its prefix"},
           {"::ffff:0:0/95", "bits behind its prefix"},
       }) {
    const absl::Status status = Network::Parse(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("'" + std::string(c.text) + "'"),
                      HasSubstr(c.why), HasSubstr("allowed is")));
  }
}

TEST(NetworkTest, ReadsAList) {
  EXPECT_THAT(ParseNetworks("").value(), IsEmpty());
  EXPECT_THAT(ParseNetworks("  ").value(), IsEmpty());
  const std::vector<Network> networks =
      ParseNetworks("192.0.2.0/24, 2001:db8::/32,10.0.0.1").value();
  EXPECT_THAT(networks, SizeIs(3));
  EXPECT_TRUE(AnyContains(networks, Address("10.0.0.1")));
  EXPECT_TRUE(AnyContains(networks, Address("2001:db8::5")));
  EXPECT_FALSE(AnyContains(networks, Address("10.0.0.2")));
  EXPECT_FALSE(AnyContains({}, Address("10.0.0.2")));
}

TEST(NetworkTest, RefusesAListWithHolesOrTooLong) {
  for (const char* const text :
       {",", "192.0.2.0/24,", ",192.0.2.0/24", "192.0.2.0/24,,10.0.0.1",
        "192.0.2.0/24 10.0.0.1"}) {
    EXPECT_FALSE(ParseNetworks(text).ok()) << text;
  }
  std::string text = "10.0.0.1";
  for (size_t i = 1; i < kNetworksMax; ++i) text += ",10.0.0.1";
  EXPECT_TRUE(ParseNetworks(text).ok());
  EXPECT_FALSE(ParseNetworks(text + ",10.0.0.1").ok());
}

TEST(NetworkTest, AddressesOfOneClientHaveOneKey) {
  for (const auto& [a, b] : std::vector<std::pair<const char*, const char*>>{
           {"192.0.2.1", "::ffff:192.0.2.1"},
           {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
           {"fe80::1%1", "fe80::2"},
       }) {
    EXPECT_EQ(AddressKeyOf(Address(a)), AddressKeyOf(Address(b)))
        << a << " " << b;
  }
}

TEST(NetworkTest, AddressesOfOtherClientsHaveOtherKeys) {
  for (const auto& [a, b] : std::vector<std::pair<const char*, const char*>>{
           {"192.0.2.1", "192.0.2.2"},
           {"::ffff:192.0.2.1", "::ffff:192.0.2.2"},
           {"2001:db8::1", "2001:db8:0:1::1"},
           // Whatever an IPv4 address looks like as a number.
           {"192.0.2.1", "::192.0.2.1"},
           {"192.0.2.1", "0:0:c000:201::"},
           {"0.0.0.0", "::"},
       }) {
    EXPECT_NE(AddressKeyOf(Address(a)), AddressKeyOf(Address(b)))
        << a << " " << b;
  }
}

TEST(NetworkTest, UnmapsAddresses) {
  EXPECT_EQ(Unmapped(Address("::ffff:192.0.2.1")), Address("192.0.2.1"));
  EXPECT_EQ(Unmapped(Address("192.0.2.1")), Address("192.0.2.1"));
  EXPECT_EQ(Unmapped(Address("2001:db8::1")), Address("2001:db8::1"));
  EXPECT_EQ(Unmapped(Address("fe80::1%1")), Address("fe80::1"));
}

}  // namespace
}  // namespace enveloperelay
