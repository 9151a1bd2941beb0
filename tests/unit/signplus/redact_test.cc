#include "server/signplus/redact.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

std::string Blanked(std::string json, const std::vector<std::string>& secrets) {
  BlankSecrets(secrets, json);
  return json;
}

TEST(RedactTest, KeepsATextWithoutSecrets) {
  EXPECT_EQ(Blanked(R"({"a":"\u00e9 tok"})", {"token"}),
            R"({"a":"\u00e9 tok"})");
  EXPECT_EQ(Blanked("token", {}), "token");
  EXPECT_EQ(Blanked("", {"token"}), "");
}

TEST(RedactTest, BlanksEveryOccurrenceOfEverySecret) {
  EXPECT_EQ(Blanked("token a token b other", {"token", "other"}),
            "***** a ***** b *****");
}

TEST(RedactTest, BlanksOverlappingSecretsWhole) {
  EXPECT_EQ(Blanked("-abcdef-", {"abcd", "cdef"}), "-******-");
  EXPECT_EQ(Blanked("-abcdef-", {"abc", "abcdef"}), "-******-");
  EXPECT_EQ(Blanked("-aaaaa-", {"aaa"}), "-*****-");
}

TEST(RedactTest, BlanksASecretSpelledWithEscapes) {
  EXPECT_EQ(Blanked(R"("x\u0074oken")", {"token"}), R"("x**********")");
  EXPECT_EQ(Blanked(R"("tok\u0065\u006E")", {"token"}), R"("***************")");
  EXPECT_EQ(Blanked(R"("\u006a\u006B")", {"jk"}), R"("************")");
}

TEST(RedactTest, BlanksBehindOtherEscapes) {
  EXPECT_EQ(Blanked(R"("\/\\\"\/token\u0021")", {"token"}),
            R"("\/\\\"\/*****\u0021")");
}

TEST(RedactTest, BlanksEscapesOfJsonThatStandsInAString) {
  EXPECT_EQ(Blanked(R"("\\u0074oken")", {"token"}), R"("***********")");
  EXPECT_EQ(Blanked(R"("{\"a\":\"tok\\\\u0065n\"}")", {"token"}),
            R"("{\"a\":\"*************\"}")");
}

TEST(RedactTest, BlanksASecretThatIsPercentEncoded) {
  EXPECT_EQ(Blanked("a%74oken&", {"token"}), "a*******&");
  EXPECT_EQ(Blanked("%74%6F%6b%65%6E", {"token"}), "***************");
  EXPECT_EQ(Blanked("%2574oke%25256E", {"token"}), "***************");
  EXPECT_EQ(Blanked(R"("\u0074oke%6e")", {"token"}), R"("************")");
  // What is left of an escape may begin the secret.
  EXPECT_EQ(Blanked("%7%7474oken", {"74oken", "token"}), "%7%74******");
}

TEST(RedactTest, KeepsOtherPercentEncodedText) {
  for (const char* const text :
       {"%", "%%", "%7", "%74ok", "%25", "%zztoke", "%C3%A9", "%2525252525"}) {
    EXPECT_EQ(Blanked(text, {"token"}), text);
  }
}

TEST(RedactTest, BlanksInNamesOfMembersAndAsAPart) {
  EXPECT_EQ(Blanked(R"({"xtokenx":{"token":1}})", {"token"}),
            R"({"x*****x":{"*****":1}})");
}

TEST(RedactTest, BlanksUtf16OfEitherByteOrder) {
  using std::string_literals::operator""s;
  EXPECT_EQ(Blanked("\"\0a\0b\0c\0\"\0"s, {"abc"}), "\"\0*****\0\"\0"s);
  EXPECT_EQ(Blanked("\0\"\0a\0b\0c\0\""s, {"abc"}), "\0\"\0*****\0\""s);
}

TEST(RedactTest, BlanksAllOfAnEscapeWhoseEndBeginsASecret) {
  EXPECT_EQ(Blanked(R"("a\token")", {"token"}), R"("a******")");
  EXPECT_EQ(Blanked(R"("a\\token")", {"token"}), R"("a\\*****")");
  EXPECT_EQ(Blanked(R"("a\\\token")", {"token"}), R"("a\\******")");
  EXPECT_EQ(Blanked(R"("\toke\u006e")", {"token"}), R"("***********")");
  for (const char* const secret : {"u00e9x", "00e9x", "9x"}) {
    EXPECT_EQ(Blanked(R"("\u00e9x")", {secret}), R"("*******")");
  }
  EXPECT_EQ(Blanked(R"("\u00e9x")", {"x"}), R"("\u00e9*")");
}

TEST(RedactTest, WhatIsNoEscapeStaysNone) {
  EXPECT_EQ(Blanked(R"("\whisper")", {"whisper"}), R"("\*******")");
  EXPECT_EQ(Blanked(R"("\u00zx")", {"0zx"}), R"("\u0***")");
  EXPECT_EQ(Blanked(R"("\ud83dx")", {"3dx"}), R"("\ud8***")");
}

TEST(RedactTest, LongRowsOfBackslashesTakeNoLongTime) {
  const std::string backslashes(1 << 20, '\\');
  EXPECT_EQ(Blanked(backslashes + "u0074oken", {"token"}),
            std::string(backslashes.size() + 9, '*'));
  EXPECT_EQ(Blanked(backslashes + "u0075oken", {"token"}),
            backslashes + "u0075oken");
}

TEST(RedactTest, BearsWhatIsNoJson) {
  EXPECT_EQ(Blanked("\\", {"token"}), "\\");
  EXPECT_EQ(Blanked("\\u", {"token"}), "\\u");
  EXPECT_EQ(Blanked("\\u00", {"token"}), "\\u00");
  EXPECT_EQ(Blanked("\\u00zztoken", {"token"}), "\\u00zz*****");
  EXPECT_EQ(Blanked("\\utoke", {"token"}), "\\utoke");
}

}  // namespace
}  // namespace enveloperelay
