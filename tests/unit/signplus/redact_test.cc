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

TEST(RedactTest, TakesAnEscapedBackslashForNoEscape) {
  // The string is \u0074oken: six characters and no t.
  EXPECT_EQ(Blanked(R"("\\u0074oken")", {"token"}), R"("\\u0074oken")");
  EXPECT_EQ(Blanked(R"("\\\u0074oken")", {"token"}), R"("\\**********")");
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
