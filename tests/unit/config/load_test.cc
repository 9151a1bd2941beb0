#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/logging.h"
#include "server/base/network.h"
#include "server/config/config.h"
#include "server/config/options.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Invocation> Load(
    std::vector<std::string> arguments,
    std::map<std::string, std::string> environment = {}) {
  return LoadConfig({.arguments = std::move(arguments),
                     .environment = std::move(environment),
                     .version = "1.2.3"});
}

// What is wrong; empty if nothing is.
std::string Errors(std::vector<std::string> arguments,
                   std::map<std::string, std::string> environment = {}) {
  const absl::StatusOr<Invocation> loaded =
      Load(std::move(arguments), std::move(environment));
  if (loaded.ok()) return "";
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(loaded.status().message());
}

class LoadTest : public ::testing::Test {
 protected:
  // Writes a file of options and returns its path.
  std::string WriteToml(std::string_view text) const {
    std::string path = directory_.File("relay.toml");
    std::ofstream(path) << text;
    return path;
  }

  testing::TempDir directory_;
};

TEST_F(LoadTest, GivesTheDefaultsWhenNothingIsSet) {
  const absl::StatusOr<Invocation> loaded = Load({});

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->config.data_dir, "./data");
  EXPECT_EQ(loaded->config.ingress_address.ToString(), "127.0.0.1:8080");
  EXPECT_EQ(loaded->config.grpc_address.ToString(), "127.0.0.1:9090");
  EXPECT_EQ(loaded->config.admin_address.ToString(), "127.0.0.1:8081");
  EXPECT_EQ(loaded->config.ingress_max_body_bytes, 256 * 1024);
  EXPECT_EQ(loaded->config.dedup_window, absl::Minutes(10));
  EXPECT_EQ(loaded->config.drain_timeout, absl::Seconds(25));
  EXPECT_EQ(loaded->config.log_level, LogLevel::kInfo);
  EXPECT_THAT(loaded->ignored_variables, IsEmpty());
}

TEST_F(LoadTest, TakesTheCommandLineBeforeTheEnvironmentBeforeTheFile) {
  const std::string file = WriteToml(
      "data-dir = 'f'\nports-file = 'f'\ndedup-window = '3s'\n"
      "insecure-grpc = true\nretention-bytes = 5000\n");

  const absl::StatusOr<Invocation> loaded = Load(
      {"--data-dir", "c", "--config=" + file},
      {{"ENVELOPE_RELAY_DATA_DIR", "e"}, {"ENVELOPE_RELAY_PORTS_FILE", "e"}});

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->config.data_dir, "c");
  EXPECT_EQ(loaded->config.ports_file, "e");
  EXPECT_EQ(loaded->config.dedup_window, absl::Seconds(3));
  EXPECT_TRUE(loaded->config.insecure_grpc);
  EXPECT_EQ(loaded->config.retention_bytes, 5000);
  EXPECT_EQ(loaded->config.drain_timeout, absl::Seconds(25));
}

TEST_F(LoadTest, FindsTheFileByTheEnvironment) {
  const absl::StatusOr<Invocation> loaded =
      Load({}, {{"ENVELOPE_RELAY_CONFIG", WriteToml("log-level = 'debug'\n")}});

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->config.log_level, LogLevel::kDebug);
}

TEST_F(LoadTest, TakesAFlagWithAndWithoutValue) {
  EXPECT_TRUE(Load({"--insecure-grpc"})->config.insecure_grpc);
  EXPECT_TRUE(Load({"--insecure-grpc=true"})->config.insecure_grpc);
  EXPECT_FALSE(Load({"--insecure-grpc=false"},
                    {{"ENVELOPE_RELAY_INSECURE_GRPC", "true"}})
                   ->config.insecure_grpc);
  EXPECT_THAT(Errors({"--insecure-grpc=maybe"}), HasSubstr("--insecure-grpc"));
}

TEST_F(LoadTest, NamesOptionSourceValueAndWhatIsAllowed) {
  const std::string file = WriteToml("\n\ndedup-window = '7'\n");
  EXPECT_THAT(Errors({"--drain-timeout", "5"}),
              AllOf(HasSubstr("--drain-timeout: '5' from the command line"),
                    HasSubstr("from 100ms to 10m")));
  EXPECT_THAT(
      Errors({}, {{"ENVELOPE_RELAY_LOG_FORMAT", "xml"}}),
      AllOf(HasSubstr("--log-format: 'xml' from ENVELOPE_RELAY_LOG_FORMAT"),
            HasSubstr("one of text, json")));
  EXPECT_THAT(Errors({"--config", file}),
              AllOf(HasSubstr("--dedup-window: '7' from " + file + " line 3"),
                    HasSubstr("from 100ms to 30d")));
}

TEST_F(LoadTest, RefusesABadValueOfEveryOptionThatHasOne) {
  for (const Option& option : Options()) {
    if (option.value_name == "PATH") continue;
    const std::string bad = "no-such-value";
    EXPECT_THAT(Errors({option.Flag() + "=" + bad}),
                AllOf(HasSubstr(option.Flag() + ": '" + bad + "' from the"),
                      HasSubstr(option.allowed)));
    EXPECT_THAT(Errors({}, {{option.Environment(), bad}}),
                HasSubstr(option.Flag() + ": '" + bad + "' from " +
                          option.Environment()));
  }
}

TEST_F(LoadTest, ReportsEveryErrorAtOnce) {
  const std::string file = WriteToml("nothing = 1\nlog-level = 3\n");
  const std::string errors =
      Errors({"--drain-timeout=x", "--nonsense", "stray", "--config", file},
             {{"ENVELOPE_RELAY_GRPC_ADDRESS", "here"}});
  EXPECT_THAT(errors, AllOf(HasSubstr("--drain-timeout: 'x'"),
                            HasSubstr("no option '--nonsense'"),
                            HasSubstr("unexpected argument 'stray'"),
                            HasSubstr("line 1: there is no option 'nothing'"),
                            HasSubstr("--log-level: " + file + " line 2"),
                            HasSubstr("--grpc-address: 'here'")));
}

TEST_F(LoadTest, SuggestsTheOptionThatWasMeant) {
  EXPECT_THAT(Errors({"--data_dir=x"}), HasSubstr("did you mean 'data-dir'?"));
  EXPECT_THAT(Errors({"--config", WriteToml("retention-aeg = '1d'\n")}),
              HasSubstr("did you mean 'retention-age'?"));
}

TEST_F(LoadTest, RefusesValuesOfTheWrongTomlType) {
  const std::string errors =
      Errors({"--config", WriteToml("data-dir = 5\ninsecure-grpc = 'true'\n"
                                    "drain-timeout = 25\nlog-level = ['info']\n"
                                    "retention-bytes = 1.5\n"
                                    "[ports-file]\nx = 1\n")});
  EXPECT_THAT(errors,
              AllOf(HasSubstr("line 1 has a whole number; allowed is a string"),
                    HasSubstr("line 2 has a string; allowed is true or false"),
                    HasSubstr("line 3 has a whole number; allowed is a string"),
                    HasSubstr("line 4 has an array"),
                    HasSubstr("line 5 has a number with a fraction"),
                    HasSubstr("line 6 has a table")));
}

TEST_F(LoadTest, RefusesAFileThatIsNoToml) {
  EXPECT_THAT(Errors({"--config", WriteToml("data-dir = \n")}),
              AllOf(HasSubstr("--config: "), HasSubstr("line 1 is no TOML")));
}

TEST_F(LoadTest, RefusesAFileThatCannotBeRead) {
  EXPECT_THAT(Errors({"--config", "/nonexistent/relay.toml"}),
              HasSubstr("--config: cannot read '/nonexistent/relay.toml': No "
                        "such file or directory"));
  EXPECT_THAT(Errors({"--config", directory_.path()}),
              HasSubstr("--config: cannot read"));
}

TEST_F(LoadTest, RefusesAnOptionGivenTwice) {
  EXPECT_THAT(Errors({"--data-dir=a", "--data-dir=b"}),
              HasSubstr("--data-dir"));
}

TEST_F(LoadTest, RefusesAnOptionWithoutItsValue) {
  EXPECT_THAT(Errors({"--data-dir"}), HasSubstr("--data-dir"));
}

TEST_F(LoadTest, TellsOfVariablesThatNameNoOption) {
  const absl::StatusOr<Invocation> loaded =
      Load({}, {{"ENVELOPE_RELAY_DATADIR", "x"}, {"HOME", "y"}});

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->ignored_variables, ElementsAre("ENVELOPE_RELAY_DATADIR"));
}

TEST_F(LoadTest, RefusesAnOpenIngressWithoutTokens) {
  EXPECT_THAT(
      Errors({"--ingress-address=0.0.0.0:8080"}),
      AllOf(HasSubstr("--ingress-address"), HasSubstr("--ingress-token-file"),
            HasSubstr("--insecure-ingress")));
  EXPECT_EQ(Errors({"--ingress-address=0.0.0.0:8080", "--insecure-ingress"}),
            "");
  EXPECT_EQ(
      Errors({"--ingress-address=0.0.0.0:8080", "--ingress-token-file=tokens"}),
      "");
  EXPECT_EQ(Errors({"--ingress-address=[::1]:8080"}), "");
  EXPECT_EQ(Errors({"--ingress-address=0.0.0.0:8080",
                    "--ingress-signing-secret-file=secrets"}),
            "");
  // Whose certificate it is is not looked at.
  EXPECT_THAT(
      Errors({"--ingress-address=0.0.0.0:8080", "--ingress-tls-cert-file=c",
              "--ingress-tls-key-file=k", "--ingress-tls-client-ca-file=a"}),
      HasSubstr("--ingress-token-file"));
}

TEST_F(LoadTest, RefusesAnOpenAdminPortWithoutClientCertificates) {
  const std::string open = "--admin-address=0.0.0.0:8081";
  const std::vector<std::string> tls = {"--admin-tls-cert-file=c",
                                        "--admin-tls-key-file=k"};
  EXPECT_THAT(Errors({open}),
              AllOf(HasSubstr("--admin-address"), HasSubstr("--insecure-admin"),
                    HasSubstr("--admin-tls-client-ca-file")));
  EXPECT_THAT(Errors({open, tls[0], tls[1]}), HasSubstr("--admin-address"));
  EXPECT_EQ(Errors({open, tls[0], tls[1], "--admin-tls-client-ca-file=a"}), "");
  EXPECT_EQ(Errors({open, "--insecure-admin"}), "");
  EXPECT_EQ(Errors({"--admin-address=[::1]:8081"}), "");
}

TEST_F(LoadTest, RefusesHalfOfTls) {
  for (const std::string prefix : {"--ingress-tls-", "--admin-tls-"}) {
    EXPECT_THAT(Errors({prefix + "cert-file=c"}),
                HasSubstr("without " + prefix + "key-file"));
    EXPECT_THAT(Errors({prefix + "key-file=k"}),
                HasSubstr("without " + prefix + "cert-file"));
    EXPECT_THAT(Errors({prefix + "client-ca-file=a"}),
                HasSubstr(prefix + "client-ca-file: "));
    EXPECT_EQ(Errors({prefix + "cert-file=c", prefix + "key-file=k"}), "");
  }
}

TEST_F(LoadTest, TakesSignaturesForTokensOnAnOpenIngress) {
  EXPECT_EQ(Errors({"--ingress-address=0.0.0.0:8080",
                    "--ingress-signing-secret-file=secrets"}),
            "");
  EXPECT_THAT(Errors({"--ingress-address=0.0.0.0:8080",
                      "--ingress-sources=192.0.2.0/24"}),
              HasSubstr("--ingress-signing-secret-file"));
}

TEST_F(LoadTest, ReadsNetworks) {
  const absl::StatusOr<Invocation> loaded =
      Load({"--ingress-sources=192.0.2.0/24, 2001:db8::/32",
            "--ingress-trusted-proxies=10.0.0.1"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->config.ingress_sources,
              ElementsAre(Network::Parse("192.0.2.0/24").value(),
                          Network::Parse("2001:db8::/32").value()));
  EXPECT_THAT(loaded->config.ingress_trusted_proxies,
              ElementsAre(Network::Parse("10.0.0.1").value()));
  EXPECT_THAT(Errors({"--ingress-sources=192.0.2.1/24"}),
              AllOf(HasSubstr("--ingress-sources: '192.0.2.1/24'"),
                    HasSubstr("no bits set behind the prefix")));
}

TEST_F(LoadTest, RefusesToTrustEverybodyAsAProxy) {
  for (const char* const all : {"0.0.0.0/0", "10.0.0.0/8,::/0"}) {
    EXPECT_THAT(Errors({std::string("--ingress-trusted-proxies=") + all}),
                HasSubstr("--ingress-trusted-proxies: with "));
  }
  EXPECT_EQ(Errors({"--ingress-sources=0.0.0.0/0"}), "");
}

TEST_F(LoadTest, RefusesAnOpenGrpcPortWithoutTls) {
  EXPECT_THAT(Errors({"--grpc-address=[::]:9090"}),
              AllOf(HasSubstr("--grpc-address"), HasSubstr("--insecure-grpc")));
  EXPECT_EQ(Errors({"--grpc-address=[::]:9090", "--insecure-grpc"}), "");
}

TEST_F(LoadTest, RefusesAnOpenGrpcPortThatAsksNobodyWhoCalls) {
  const std::string open = "--grpc-address=[::]:9090";
  const std::string cert = "--grpc-tls-cert-file=cert";
  const std::string key = "--grpc-tls-key-file=key";
  EXPECT_THAT(Errors({open}), AllOf(HasSubstr("--grpc-tls-cert-file"),
                                    HasSubstr("--grpc-token-file"),
                                    HasSubstr("--grpc-tls-client-ca-file")));
  EXPECT_THAT(
      Errors({open, cert, key}),
      AllOf(HasSubstr("--grpc-tls-client-ca-file"),
            HasSubstr("--grpc-token-file"), HasSubstr("--insecure-grpc")));
  EXPECT_THAT(Errors({open, "--grpc-token-file=tokens"}),
              AllOf(HasSubstr("without TLS"), HasSubstr("--insecure-grpc")));
  EXPECT_EQ(Errors({open, cert, key, "--grpc-token-file=tokens"}), "");
  EXPECT_EQ(Errors({open, cert, key, "--grpc-tls-client-ca-file=ca"}), "");
  EXPECT_EQ(Errors({open, cert, key, "--insecure-grpc"}), "");
  EXPECT_EQ(Errors({open, "--grpc-token-file=tokens", "--insecure-grpc"}), "");
}

TEST_F(LoadTest, AllowsTokensAndAPolicyOnLoopbackWithoutTls) {
  EXPECT_EQ(Errors({"--grpc-token-file=tokens", "--grpc-policy-file=policy"}),
            "");
}

TEST_F(LoadTest, RefusesHalfOfWhatTlsOfGrpcNeeds) {
  for (const char* half :
       {"--grpc-tls-cert-file=cert", "--grpc-tls-key-file=key"}) {
    EXPECT_THAT(Errors({half}), AllOf(HasSubstr("--grpc-tls-cert-file"),
                                      HasSubstr("--grpc-tls-key-file")));
  }
  EXPECT_THAT(Errors({"--grpc-tls-client-ca-file=ca"}),
              AllOf(HasSubstr("--grpc-tls-client-ca-file"),
                    HasSubstr("only within TLS")));
}

TEST_F(LoadTest, PrintsEveryOptionWithDefaultAndVariable) {
  const absl::StatusOr<Invocation> loaded = Load({"--help"});

  ASSERT_TRUE(loaded.ok()) << loaded.status();
  for (const Option& option : Options()) {
    EXPECT_THAT(loaded->text,
                AllOf(HasSubstr(option.Flag()), HasSubstr(option.default_text),
                      HasSubstr(option.Environment())));
  }
}

TEST_F(LoadTest, PrintsTheVersion) {
  EXPECT_EQ(Load({"--version"})->text, "1.2.3\n");
}

}  // namespace
}  // namespace enveloperelay
