#include "server/base/text.h"

#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

TEST(TextTest, TrimsSpacesAndTabsAtBothEnds) {
  EXPECT_EQ(Trim("a b"), "a b");
  EXPECT_EQ(Trim(" \t a \t b\t "), "a \t b");
  EXPECT_EQ(Trim(" a"), "a");
  EXPECT_EQ(Trim("a "), "a");
  EXPECT_EQ(Trim(" \t "), "");
  EXPECT_EQ(Trim(""), "");
  EXPECT_EQ(Trim(" a\r\n"), "a\r\n");
}

TEST(TextTest, TrimsWhatItIsTold) {
  EXPECT_EQ(Trim("\r a \t\r", " \t\r"), "a");
  EXPECT_EQ(Trim(" xax", "x"), " xa");
}

}  // namespace
}  // namespace enveloperelay
