#include "server/ingress/tokens.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOne[] = "token-one-0123456789";
constexpr char kTwo[] = "TOKEN.two_0123~56789";

TokenSet MustParse(std::string_view text) {
  const absl::StatusOr<TokenSet> set = TokenSet::Parse(text, "tokens");
  EXPECT_TRUE(set.ok()) << set.status();
  return set.value_or(TokenSet());
}

std::string ErrorOf(std::string_view text) {
  const absl::Status status = TokenSet::Parse(text, "the/tokens").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(TokensTest, ReadsOneTokenALine) {
  EXPECT_THAT(
      MustParse(std::string("# old\r\n") + kOne + "\r\n\n  " + kTwo + "\t\n#x")
          .tokens(),
      ElementsAre(kOne, kTwo));
}

TEST(TokensTest, ATokenHasTheNameInFrontOfItOrThatOfItsPlace) {
  struct Case {
    std::string text;
    std::vector<std::string> names;
  };
  const std::string one = kOne;
  const std::string two = kTwo;
  for (const Case& c : std::vector<Case>{
           {one, {"token-1"}},
           {"# x\n\n" + one + "\n" + two, {"token-1", "token-2"}},
           {"primary " + one, {"primary"}},
           {" primary \t " + one + " \r\n", {"primary"}},
           {"sign.plus_2026-01 " + one + "\n" + two,
            {"sign.plus_2026-01", "token-2"}},
           {one + "\ntoken-9 " + two, {"token-1", "token-9"}},
           {"token-2 " + one + "\ntoken-1 " + two, {"token-2", "token-1"}},
       }) {
    EXPECT_THAT(MustParse(c.text).names(), ElementsAreArray(c.names)) << c.text;
    EXPECT_EQ(MustParse(c.text).tokens().front(), kOne);
  }
  const std::string longest_name(kTokenNameBytesMax, 'n');
  EXPECT_THAT(MustParse(longest_name + " " + std::string(65, 'T')).names(),
              ElementsAre(longest_name));
}

TEST(TokensTest, RefusesNamesThatAreNone) {
  const std::string one = kOne;
  const std::string two = kTwo;
  for (const std::string& line : std::vector<std::string>{
           "Primary " + two, "a/b " + two, "caf\xC3\xA9 " + two, "a:b " + two,
           std::string(kTokenNameBytesMax + 1, 'n') + " " +
               std::string(200, 'T'),
           // Token and name swapped: the one must not stand where the other
           // may.
           "secret-0123456789-0123456789 " + std::string(16, 'n'),
           two + " primary", "primary " + two + " x"}) {
    const std::string error = ErrorOf(one + "\n" + line);
    EXPECT_THAT(error, HasSubstr("token file the/tokens, line 2: "));
    EXPECT_THAT(error, Not(HasSubstr(line.substr(0, line.find(' ')))));
  }
  EXPECT_THAT(ErrorOf("a " + one + "\na " + two),
              HasSubstr("line 2: another token has this name"));
  EXPECT_THAT(ErrorOf("token-2 " + one + "\n" + two),
              HasSubstr("line 2: another token has this name"));
}

TEST(TokensTest, RefusesATokenThatComesTwice) {
  EXPECT_THAT(ErrorOf("a " + std::string(kOne) + "\nb " + kOne),
              HasSubstr("line 2: this token has come before"));
}

TEST(TokensTest, FindsItsTokensAndNothingElse) {
  const TokenSet set = MustParse(std::string(kOne) + "\n" + kTwo);
  EXPECT_EQ(set.Find(kOne), 0U);
  EXPECT_EQ(set.Find(kTwo), 1U);
  const std::string one = kOne;
  for (const std::string& other : std::vector<std::string>{
           "", "t", one.substr(1), one.substr(0, one.size() - 1), one + "x",
           one + std::string(1, '\0'), one + kTwo, "Token-one-0123456789",
           std::string(kTokenBytesMax, 'x'), std::string(5000, 'x')}) {
    EXPECT_EQ(set.Find(other), std::nullopt) << other;
  }
}

TEST(TokensTest, TakesTheShortestAndTheLongest) {
  const std::string shortest(kTokenBytesMin, 'a');
  const std::string longest(kTokenBytesMax, 'b');
  const TokenSet set = MustParse(shortest + "\n" + longest);
  EXPECT_EQ(set.Find(shortest), 0U);
  EXPECT_EQ(set.Find(longest), 1U);
  EXPECT_EQ(set.Find(longest + "b"), std::nullopt);
}

TEST(TokensTest, AFileWithoutATokenIsRefused) {
  for (const char* const text : {"", "\n", "# only words\n"}) {
    EXPECT_EQ(ErrorOf(text), "token file the/tokens: there is no token in it");
  }
}

TEST(TokensTest, NamesTheLineAndNeverTheToken) {
  for (const std::string& line : std::vector<std::string>{
           "SECRET", "SECRET" + std::string(kTokenBytesMax, 'x'),
           "SECRET token 0123456", "SECRET/0123456789", "SECRET%0123456789",
           "SECRET\xC3\xA9 0123456789", "SECRET0123456789 # with a comment"}) {
    const std::string error = ErrorOf(std::string(kOne) + "\n\n" + line);
    EXPECT_THAT(error, HasSubstr("token file the/tokens, line 3: "));
    EXPECT_THAT(error, Not(HasSubstr("SECRET")));
  }
}

TEST(TokensTest, LimitsTheirNumber) {
  std::string text;
  for (size_t i = 0; i < kTokensMax; ++i) {
    text += std::string(kOne) + std::to_string(i) + "\n";
  }
  const TokenSet set = MustParse(text);
  EXPECT_EQ(set.tokens().size(), kTokensMax);
  EXPECT_EQ(set.Find(std::string(kOne) + "63"), 63U);
  EXPECT_THAT(ErrorOf(text + kTwo), HasSubstr("line 65: at most 64 tokens"));
}

}  // namespace
}  // namespace enveloperelay
