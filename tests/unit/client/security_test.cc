#include "client/security.h"

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/security.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(IsLoopbackTargetTest, KnowsAddressesAndNoNames) {
  for (const char* target :
       {"127.0.0.1:9090", "127.9.9.9:1", "[::1]:9090", "localhost:9090",
        "dns:///localhost:9090", "dns:127.0.0.1:1", "ipv4:127.0.0.1:1",
        "ipv6:[::1]:9090", "unix:/run/relay"}) {
    EXPECT_TRUE(IsLoopbackTarget(target)) << target;
  }
  for (const char* target :
       {"relay:9090", "10.0.0.1:9090", "127.0.0.1.evil.org:9090",
        "127.evil:9090", "localhost.evil.org:1", "dns:///relay:9090", "",
        "[::2]:9090", "dns://10.0.0.1/localhost:9090"}) {
    EXPECT_FALSE(IsLoopbackTarget(target)) << target;
  }
}

TEST(CheckSecurityTest, SendsNoTokenInClearToOthers) {
  const SecurityOptions token{.token_file = "token"};
  EXPECT_TRUE(CheckSecurity(token, "127.0.0.1:9090", false).ok());
  EXPECT_TRUE(CheckSecurity(token, "relay:9090", /*credentials=*/true).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      CheckSecurity(token, "relay:9090", /*credentials=*/false)));
  SecurityOptions tls = token;
  tls.tls.emplace();
  EXPECT_TRUE(CheckSecurity(tls, "relay:9090", false).ok());
  SecurityOptions meant = token;
  meant.token_in_clear = true;
  EXPECT_TRUE(CheckSecurity(meant, "relay:9090", false).ok());
}

TEST(CheckSecurityTest, SaysWhatExcludesWhat) {
  SecurityOptions options;
  options.tls.emplace();
  EXPECT_FALSE(CheckSecurity(options, "relay:1", /*credentials=*/true).ok());
  options.tls->cert_file = "cert";
  EXPECT_THAT(std::string(CheckSecurity(options, "relay:1", false).message()),
              HasSubstr("cert_file and key_file go together"));
}

TEST(MakeCredentialsTest, NamesTheFileThatIsWrong) {
  const TempDir directory;
  SecurityOptions options;
  options.tls = TlsOptions{.ca_file = directory.File("missing")};
  EXPECT_THAT(std::string(MakeCredentials(options).status().message()),
              HasSubstr(directory.File("missing") + ": No such file"));
  options.tls->ca_file = directory.File("empty");
  std::ofstream(options.tls->ca_file).flush();
  EXPECT_THAT(std::string(MakeCredentials(options).status().message()),
              HasSubstr("empty: there is no CERTIFICATE in PEM"));
}

TEST(ReadTokenTest, ReadsOneTokenAndRepeatsNone) {
  const TempDir directory;
  const std::string path = directory.File("token");
  std::ofstream(path) << " ert_secret \n";
  EXPECT_EQ(*ReadToken(path), "ert_secret");
  EXPECT_EQ(*ReadToken(""), "");
  for (const std::string& text :
       {std::string(), std::string("ert_secret ert_secret"),
        std::string("ert_secret\x01"), std::string(257, 's')}) {
    std::ofstream(path) << text;
    const absl::StatusOr<std::string> token = ReadToken(path);
    ASSERT_FALSE(token.ok());
    EXPECT_THAT(std::string(token.status().message()),
                AllOf(HasSubstr(path), Not(HasSubstr("ert_secret"))));
  }
  EXPECT_THAT(
      std::string(ReadToken(directory.File("missing")).status().message()),
      HasSubstr("missing: No such file"));
}

}  // namespace
}  // namespace enveloperelay::client
