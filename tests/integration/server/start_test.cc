// From the command line to open listeners, or to a message and an exit status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::unique_ptr<RelayProcess> Start(RelayOptions options = {}) {
  auto relay = RelayProcess::Start(std::move(options));
  EXPECT_TRUE(relay.ok()) << relay.status();
  return relay.ok() ? *std::move(relay) : nullptr;
}

// Runs a relay that cannot start; any port would do for its listeners.
FinishedCommand StartInVain(std::vector<std::string> arguments) {
  const TempDir directory;
  return RunRelay(std::move(arguments),
                  {{"ENVELOPE_RELAY_DATA_DIR", directory.File("data")},
                   {"ENVELOPE_RELAY_INGRESS_ADDRESS", "127.0.0.1:0"},
                   {"ENVELOPE_RELAY_GRPC_ADDRESS", "127.0.0.1:0"},
                   {"ENVELOPE_RELAY_ADMIN_ADDRESS", "127.0.0.1:0"}});
}

TEST(StartTest, PrintsVersionAndHelpOnStandardOutput) {
  const FinishedCommand version = RunRelay({"--version"});
  EXPECT_EQ(version.status, (ExitStatus{.code = 0}));
  EXPECT_THAT(version.output, HasSubstr("envelope-relay "));
  const FinishedCommand help = RunRelay({"--help"});
  EXPECT_EQ(help.status, (ExitStatus{.code = 0}));
  EXPECT_THAT(help.output, HasSubstr("--data-dir"));
}

TEST(StartTest, ExitsWithTwoAndSaysAllThatIsWrongWithTheOptions) {
  const TempDir directory;
  std::ofstream(directory.File("relay.toml")) << "\nretention-age = 'long'\n";

  const FinishedCommand run = RunRelay(
      {"--drain-timeout=soon", "--config", directory.File("relay.toml")},
      {{"ENVELOPE_RELAY_LOG_FORMAT", "xml"}});

  EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
  EXPECT_THAT(
      run.errors,
      AllOf(HasSubstr("--drain-timeout: 'soon' from the command line"),
            HasSubstr("--retention-age: 'long' from " +
                      directory.File("relay.toml") + " line 2"),
            HasSubstr("--log-format: 'xml' from ENVELOPE_RELAY_LOG_FORMAT"),
            HasSubstr("allowed is one of text, json")));
}

TEST(StartTest, ExitsWithTwoWhenTheIngressIsOpenWithoutTokens) {
  const FinishedCommand run = StartInVain({"--ingress-address=0.0.0.0:0"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
  EXPECT_THAT(run.errors, AllOf(HasSubstr("--ingress-address"),
                                HasSubstr("--insecure-ingress")));
}

TEST(StartTest, ExitsWithTwoWhenTheGrpcPortIsOpenWithoutTls) {
  const FinishedCommand run = StartInVain({"--grpc-address=[::]:0"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
  EXPECT_THAT(run.errors,
              AllOf(HasSubstr("--grpc-address"), HasSubstr("--insecure-grpc")));
}

TEST(StartTest, ExitsWithTwoWhenTheTokenFileHasNoToken) {
  const TempDir directory;
  std::ofstream(directory.File("tokens")) << "# none yet\n";
  for (const std::string& path :
       {directory.File("tokens"), directory.File("missing")}) {
    const FinishedCommand run = StartInVain({"--ingress-token-file", path});
    EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
    EXPECT_THAT(run.errors,
                AllOf(HasSubstr("--ingress-token-file"), HasSubstr(path)));
  }
}

TEST(StartTest, ExitsWithTwoAndSaysAllThatIsWrongWithTheFiles) {
  const TempDir directory;
  std::ofstream(directory.File("key")) << "none";
  std::vector<std::string> arguments = {
      "--ingress-signing-secret-file=" + directory.File("secrets"),
      "--grpc-token-file=" + directory.File("tokens"),
      "--grpc-policy-file=" + directory.File("policy")};
  for (const char* const listener : {"ingress", "grpc", "admin"}) {
    arguments.push_back(absl::StrCat(
        "--", listener, "-tls-cert-file=", directory.File(listener)));
    arguments.push_back(
        absl::StrCat("--", listener, "-tls-key-file=", directory.File("key")));
  }

  const FinishedCommand run = StartInVain(std::move(arguments));

  EXPECT_EQ(run.status, (ExitStatus{.code = 2}));
  for (const auto& [option, file] :
       {std::pair("--ingress-signing-secret-file", "secrets"),
        std::pair("--grpc-token-file", "tokens"),
        std::pair("--grpc-policy-file", "policy"),
        std::pair("--ingress-tls-cert-file", "ingress"),
        std::pair("--grpc-tls-cert-file", "grpc"),
        std::pair("--admin-tls-cert-file", "admin")}) {
    EXPECT_THAT(run.errors, AllOf(HasSubstr(absl::StrCat(option, ": ")),
                                  HasSubstr(directory.File(file))));
  }
}

TEST(StartTest, ExitsWithOneWhenAPortIsTaken) {
  const std::unique_ptr<RelayProcess> relay = Start();
  ASSERT_NE(relay, nullptr);
  for (const auto& [option, port] :
       {std::pair("--ingress-address", relay->ingress_port()),
        std::pair("--grpc-address", relay->grpc_port()),
        std::pair("--admin-address", relay->admin_port())}) {
    const std::string address = absl::StrCat("127.0.0.1:", port);
    const FinishedCommand run = StartInVain({option, address});
    EXPECT_EQ(run.status, (ExitStatus{.code = 1})) << option;
    EXPECT_THAT(run.errors, AllOf(HasSubstr(option), HasSubstr(address)));
  }
}

TEST(StartTest, ExitsWithOneWhenTheDataDirectoryIsInUse) {
  const std::unique_ptr<RelayProcess> relay = Start();
  ASSERT_NE(relay, nullptr);
  const FinishedCommand run = StartInVain({"--data-dir", relay->data_dir()});
  EXPECT_EQ(run.status, (ExitStatus{.code = 1}));
  EXPECT_THAT(run.errors, AllOf(HasSubstr("--data-dir"), HasSubstr("in use"),
                                HasSubstr(relay->data_dir())));
}

TEST(StartTest, ExitsWithOneWhenThePortsFileCannotBeWritten) {
  const FinishedCommand run =
      StartInVain({"--ports-file=/nonexistent/ports.json"});
  EXPECT_EQ(run.status, (ExitStatus{.code = 1}));
  EXPECT_THAT(run.errors, HasSubstr("/nonexistent/ports.json"));
}

TEST(StartTest, ReplacesThePortsFileInOneStep) {
  const TempDir directory;
  const std::string path = directory.File("ports.json");
  const std::string old = "of an earlier run " + std::string(1000, '.');
  std::ofstream(path) << old;

  const ChildProcess relay(
      {.program = RelayBinary(),
       .arguments = {"--ports-file", path, "--data-dir", directory.File("data"),
                     "--ingress-address=127.0.0.1:0",
                     "--grpc-address=127.0.0.1:0",
                     "--admin-address=127.0.0.1:0"}});

  std::string text = old;
  ASSERT_TRUE(Eventually([&path, &old, &text] {
    text = ContentOf(path);
    return text != old;
  }));
  EXPECT_THAT(text,
              MatchesRegex(R"(\{"ingress":[1-9][0-9]*,"grpc":[1-9][0-9]*,)"
                           R"("admin":[1-9][0-9]*\})"
                           "\n"));
}

TEST(StartTest, TakesOptionsFromEachSource) {
  const TempDir directory;
  std::ofstream(directory.File("relay.toml"))
      << "log-format = 'json'\nlog-level = 'error'\n"
         "ingress-max-body-bytes = 4096\n";

  const std::unique_ptr<RelayProcess> relay =
      Start({.arguments = {"--config", directory.File("relay.toml"),
                           "--log-level=debug"},
             .environment = {{"ENVELOPE_RELAY_LOG_LEVEL", "warning"}}});

  ASSERT_NE(relay, nullptr);
  EXPECT_THAT(relay->Log(), HasSubstr(R"("level":"info","message":"ready)"));
  const absl::StatusOr<RawResponse> response =
      Fetch(relay->ingress_port(),
            RawRequest("POST", "/webhooks/signplus", std::string(4097, ' ')));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 413);
}

TEST(StartTest, WarnsOfEnvironmentVariablesThatNameNoOption) {
  const std::unique_ptr<RelayProcess> relay =
      Start({.environment = {{"ENVELOPE_RELAY_RETENTION", "1d"}}});
  ASSERT_NE(relay, nullptr);
  EXPECT_THAT(relay->Log(),
              AllOf(HasSubstr("warning"), HasSubstr("ENVELOPE_RELAY_RETENTION"),
                    Not(HasSubstr("error"))));
}

TEST(StartTest, IsReadyAsSoonAsThePortsFileIsThere) {
  const std::unique_ptr<RelayProcess> relay = Start();
  ASSERT_NE(relay, nullptr);
  const absl::StatusOr<RawResponse> response =
      Fetch(relay->admin_port(), RawRequest("GET", "/readyz"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 200) << response->body;
}

}  // namespace
}  // namespace enveloperelay::testing
