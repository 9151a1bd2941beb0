#include "server/access/caller.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace enveloperelay
