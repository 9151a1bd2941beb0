#include "server/http/address_counts.h"

#include <boost/asio/ip/address.hpp>

#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

boost::asio::ip::address Ip(const char* text) {
  return boost::asio::ip::make_address(text);
}

TEST(AddressCountsTest, CountsEachAddressByItself) {
  AddressCounts counts;
  EXPECT_EQ(counts.Add(Ip("192.0.2.1")), 1U);
  EXPECT_EQ(counts.Add(Ip("192.0.2.1")), 2U);
  EXPECT_EQ(counts.Add(Ip("192.0.2.2")), 1U);
  counts.Remove(Ip("192.0.2.1"));
  EXPECT_EQ(counts.Add(Ip("192.0.2.1")), 2U);
}

TEST(AddressCountsTest, ANetworkOf64BitsCountsAsOneAddress) {
  AddressCounts counts;
  EXPECT_EQ(counts.Add(Ip("2001:db8::1")), 1U);
  EXPECT_EQ(counts.Add(Ip("2001:db8::ffff:ffff:ffff:ffff")), 2U);
  EXPECT_EQ(counts.Add(Ip("2001:db8:0:1::1")), 1U);
  EXPECT_EQ(counts.Add(Ip("::1")), 1U);
}

TEST(AddressCountsTest, AMappedAddressIsTheOneItStandsFor) {
  AddressCounts counts;
  EXPECT_EQ(counts.Add(Ip("::ffff:192.0.2.1")), 1U);
  EXPECT_EQ(counts.Add(Ip("192.0.2.1")), 2U);
  EXPECT_EQ(counts.Add(Ip("::ffff:192.0.2.2")), 1U);
}

TEST(AddressCountsTest, KeepsNothingOfThoseThatHaveGone) {
  AddressCounts counts;
  counts.Add(Ip("192.0.2.1"));
  counts.Add(Ip("2001:db8::1"));
  EXPECT_EQ(counts.addresses(), 2U);
  counts.Remove(Ip("192.0.2.1"));
  counts.Remove(Ip("2001:db8::2"));
  EXPECT_EQ(counts.addresses(), 0U);
}

}  // namespace
}  // namespace enveloperelay
