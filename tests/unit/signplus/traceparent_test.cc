#include "server/signplus/traceparent.h"

#include <string>

#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

constexpr char kValid[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceparentTest, AcceptsVersion00) { EXPECT_TRUE(IsTraceparent(kValid)); }

TEST(TraceparentTest, RefusesEverythingElse) {
  for (const char* const text : {
           "",
           "00",
           "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
           "00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01",
       }) {
    EXPECT_FALSE(IsTraceparent(text)) << text;
  }
  EXPECT_FALSE(IsTraceparent(kValid + std::string(1, '\0')));
}

}  // namespace
}  // namespace enveloperelay
