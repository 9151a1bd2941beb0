#include "server/ingress/tokens.h"

#include <cstddef>
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

TEST(TokensTest, ContainsItsTokensAndNothingElse) {
  const TokenSet set = MustParse(std::string(kOne) + "\n" + kTwo);
  EXPECT_TRUE(set.Contains(kOne));
  EXPECT_TRUE(set.Contains(kTwo));
  const std::string one = kOne;
  for (const std::string& other : std::vector<std::string>{
           "", "t", one.substr(1), one.substr(0, one.size() - 1), one + "x",
           one + std::string(1, '\0'), one + kTwo, "Token-one-0123456789",
           std::string(kTokenBytesMax, 'x'), std::string(5000, 'x')}) {
    EXPECT_FALSE(set.Contains(other)) << other;
  }
}

TEST(TokensTest, TakesTheShortestAndTheLongest) {
  const std::string shortest(kTokenBytesMin, 'a');
  const std::string longest(kTokenBytesMax, 'b');
  const TokenSet set = MustParse(shortest + "\n" + longest);
  EXPECT_TRUE(set.Contains(shortest));
  EXPECT_TRUE(set.Contains(longest));
  EXPECT_FALSE(set.Contains(longest + "b"));
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
  for (size_t i = 0; i < kTokensMax; ++i) text += std::string(kOne) + "\n";
  EXPECT_EQ(MustParse(text).tokens().size(), kTokensMax);
  EXPECT_THAT(ErrorOf(text + kTwo), HasSubstr("line 65: at most 64 tokens"));
}

TEST(TokensTest, AFileThatIsNotThereIsNotFound) {
  EXPECT_EQ(TokenSet::Load("/nonexistent/tokens").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(TokensTest, ADirectoryIsNoTokenFile) {
  EXPECT_FALSE(TokenSet::Load("/").ok());
}

}  // namespace
}  // namespace enveloperelay
