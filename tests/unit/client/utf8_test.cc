#include "client/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

TEST(ValidUtf8Test, LeavesValidTextAsItIs) {
  const std::string text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x93\xA8\n";

  EXPECT_EQ(ValidUtf8(text, 100), text);
  EXPECT_EQ(ValidUtf8("", 100), "");
}

TEST(ValidUtf8Test, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(ValidUtf8("a\xFFz", 100), "a?z");
  EXPECT_EQ(ValidUtf8("\x80", 100), "?");
  EXPECT_EQ(ValidUtf8("\xC0\x80", 100), "??");            // too long
  EXPECT_EQ(ValidUtf8("\xE0\x80\x80", 100), "???");       // too long
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80", 100), "???");       // a surrogate
  EXPECT_EQ(ValidUtf8("\xF4\x90\x80\x80", 100), "????");  // above U+10FFFF
  EXPECT_EQ(ValidUtf8("\xE2\x82", 100), "??");            // cut off
  EXPECT_EQ(ValidUtf8("\xC3\xC3\xA4", 100), "?\xC3\xA4");
}

TEST(ValidUtf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(ValidUtf8("abc", 2), "ab");
  EXPECT_EQ(ValidUtf8("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(ValidUtf8("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
}

}  // namespace
}  // namespace enveloperelay::client
