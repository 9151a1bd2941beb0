#include "server/access/caller.h"

#include <gtest/gtest.h>

#include <string>

namespace enveloperelay {
namespace {

TEST(CallerTest, TheFirstUriNamesTheHolderOfACertificate) {
  EXPECT_EQ(PrincipalOf({.authorization = {},
                         .certificate = true,
                         .uris = {"spiffe://example.org/Billing", "other:x"},
                         .dns_names = {"billing.internal"}}),
            "uri:spiffe://example.org/Billing");
}

TEST(CallerTest, WithoutAUriTheFirstDnsNameDoesInLowerCase) {
  EXPECT_EQ(PrincipalOf({.authorization = {},
                         .certificate = true,
                         .uris = {},
                         .dns_names = {"Billing.Internal", "b.internal"}}),
            "dns:billing.internal");
}

TEST(CallerTest, ACertificateWithoutEitherIsNobody) {
  EXPECT_EQ(PrincipalOf({.authorization = {},
                         .certificate = true,
                         .uris = {""},
                         .dns_names = {""}}),
            "");
}

TEST(CallerTest, ANameThatIsNoneIsNobody) {
  for (const std::string& name :
       {std::string("spiffe://a\0b", 12), std::string("spiffe://a\nb"),
        std::string("spiffe://\xff"), std::string(1025, 'a')}) {
    // Nor does the next one count.
    EXPECT_EQ(PrincipalOf({.authorization = {},
                           .certificate = true,
                           .uris = {name, "spiffe://example.org"},
                           .dns_names = {"billing.internal"}}),
              "");
    EXPECT_EQ(PrincipalOf({.authorization = {},
                           .certificate = true,
                           .uris = {},
                           .dns_names = {name}}),
              "");
  }
}

}  // namespace
}  // namespace enveloperelay
