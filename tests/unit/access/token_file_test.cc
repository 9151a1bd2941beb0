#include "server/access/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/sha256.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string HashOf(const std::string& token) {
  return absl::StrCat("sha256:", absl::BytesToHexString(Sha256(token)));
}

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<TokenFile> file = TokenFile::Parse(text, "tokens");
  if (file.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(file.status()));
  return std::string(file.status().message());
}

TEST(TokenFileTest, HashesAsEverybodyDoes) {
  EXPECT_EQ(absl::BytesToHexString(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenFileTest, FindsTheTokenOfAHash) {
  const absl::StatusOr<TokenFile> file = TokenFile::Parse(
      absl::StrCat("# the services\n\nbilling ", HashOf("one"), "\r\n  ops\t",
                   HashOf("two"), "  2027-01-31T00:00:00Z\nbilling ",
                   HashOf("three")),
      "tokens");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_NE(file->Find(Sha256("one")), nullptr);
  EXPECT_EQ(file->Find(Sha256("one"))->name, "billing");
  EXPECT_EQ(file->Find(Sha256("one"))->expires, absl::InfiniteFuture());
  EXPECT_EQ(file->Find(Sha256("two"))->name, "ops");
  EXPECT_EQ(file->Find(Sha256("two"))->expires,
            absl::FromCivil(absl::CivilDay(2027, 1, 31), absl::UTCTimeZone()));
  EXPECT_EQ(file->Find(Sha256("three"))->name, "billing");
  EXPECT_EQ(file->Find(Sha256("four")), nullptr);
  EXPECT_EQ(file->Find("one"), nullptr);
  EXPECT_EQ(file->Find(""), nullptr);
}

TEST(TokenFileTest, SaysWhatIsWrongWhereAndRepeatsNothingOfIt) {
  const std::string good = HashOf("one");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"secret", "NAME sha256:HASH"},
      {absl::StrCat("billing ", good, " 2027-01-31T00:00:00Z secret"),
       "NAME sha256:HASH"},
      {absl::StrCat("sec:ret ", good), "a name has"},
      {absl::StrCat(std::string(65, 'n'), " ", good), "a name has"},
      {"billing secret", "a hash is"},
      {"billing sha256:secret", "a hash is"},
      {absl::StrCat("billing ", good, "00"), "a hash is"},
      {absl::StrCat("billing sha256:", std::string(64, 'g')), "a hash is"},
      {absl::StrCat("billing ", good, " secret"), "the time of expiry"},
      {absl::StrCat("billing ", good, "\nops ", good), "stands in the file"},
  };
  for (const auto& [line, what] : cases) {
    EXPECT_THAT(ErrorOf("# first\n" + line),
                AllOf(HasSubstr("token file tokens line "), HasSubstr(what),
                      Not(HasSubstr("secret"))))
        << line;
  }
  EXPECT_THAT(ErrorOf("# first\nsecret"), HasSubstr("line 2"));
}

TEST(TokenFileTest, TheLastTokenCanBeWithdrawnButAnEmptyFileIsHalfWritten) {
  EXPECT_EQ(ErrorOf("# no token any more\n"), "");
  EXPECT_THAT(ErrorOf(""), HasSubstr("is empty"));
}

TEST(TokenFileTest, HoldsAThousandTokens) {
  std::string text;
  for (size_t i = 0; i < TokenFile::kTokensMax; ++i) {
    absl::StrAppend(&text, "n", i, " ", HashOf(absl::StrCat(i)), "\n");
  }
  EXPECT_EQ(ErrorOf(text), "");
  absl::StrAppend(&text, "one-more ", HashOf("one more"));
  EXPECT_THAT(ErrorOf(text),
              AllOf(HasSubstr("line 1001"), HasSubstr("at most 1000")));
}

}  // namespace
}  // namespace enveloperelay
