#include "server/base/address.h"

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

TEST(AddressTest, ReadsBackWhatItPrints) {
  for (const char* text :
       {"127.0.0.1:8080", "[::1]:0", "0.0.0.0:65535", "[2001:db8::1]:443"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(AddressTest, RefusesWhatIsNoAddressAndSaysWhatIsAllowed) {
  for (const char* text :
       {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "::1:80", "[127.0.0.1]:80", "example.com:80",
        "127.0.0.1: 80"}) {
    const auto address = ParseAddress(text);
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
    EXPECT_NE(address.status().message().find("127.0.0.1:8080"),
              std::string::npos);
  }
}

TEST(AddressTest, RefusesWhatIsAnAddressUpToAZeroByte) {
  using std::string_view_literals::operator""sv;
  EXPECT_FALSE(ParseAddress("127.0.0.1\0.example:80"sv).ok());
  EXPECT_FALSE(ParseAddress("[::1\0]:80"sv).ok());
}

TEST(AddressTest, KnowsLoopbackOfBothFamilies) {
  EXPECT_TRUE(ParseAddress("127.0.0.2:1")->IsLoopback());
  EXPECT_TRUE(ParseAddress("[::1]:1")->IsLoopback());
  EXPECT_TRUE(ParseAddress("localhost:1")->IsLoopback());
  EXPECT_FALSE(ParseAddress("0.0.0.0:1")->IsLoopback());
  EXPECT_FALSE(ParseAddress("[::]:1")->IsLoopback());
}

}  // namespace
}  // namespace enveloperelay
