// What the relay refuses to start with.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/child_process.h"
#include "tests/support/relay_process.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GrpcAccessStartTest : public AccessRelayTest {
 protected:
  // Runs the relay with the files that were written; returns what it says.
  std::string Refusal() {
    std::vector<std::string> arguments = {
        "--data-dir=" + files_.File("data"), "--ingress-address=127.0.0.1:0",
        "--grpc-address=127.0.0.1:0", "--admin-address=127.0.0.1:0"};
    for (std::string& option : std::exchange(options_, {})) {
      arguments.push_back(std::move(option));
    }
    const FinishedCommand relay = RunRelay(std::move(arguments));
    EXPECT_EQ(relay.status, (ExitStatus{.code = 2}));
    EXPECT_FALSE(std::filesystem::exists(files_.File("data")));
    return relay.errors;
  }
};

TEST_F(GrpcAccessStartTest, ABrokenPolicyIsRefusedWithItsLine) {
  // What stands there may be a token.
  WritePolicy(absl::StrCat("\n[[allow]]\nprincipals = ['", kBilling, "']\n"));
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("grpc-policy-file line 3"),
                               HasSubstr("this is no principal"),
                               Not(HasSubstr(kBilling))));
}

TEST_F(GrpcAccessStartTest, ABrokenTokenFileIsRefusedWithoutItsSecret) {
  WriteTokens(std::string("billing ") + kBilling);
  EXPECT_THAT(Refusal(), AllOf(HasSubstr("grpc-token-file line 1"),
                               Not(HasSubstr(kBilling))));
}

TEST_F(GrpcAccessStartTest, AMissingFileIsRefused) {
  options_ = {"--grpc-policy-file=" + files_.File("missing")};
  EXPECT_THAT(Refusal(), HasSubstr(files_.File("missing")));
}

TEST_F(GrpcAccessStartTest, AKeyOfAnotherCertificateIsRefused) {
  const TestCa ca;
  TestIdentity server = ca.IssueServer();
  server.key = ca.IssueServer().key;
  WriteServerCertificate(server);
  EXPECT_THAT(Refusal(),
              AllOf(HasSubstr("grpc-tls-key-file"), HasSubstr("not the key")));
}

TEST_F(GrpcAccessStartTest, FilesThatAreNoCertificatesAreRefused) {
  const TestCa ca;
  WriteServerCertificate({.certificate = "none", .key = "none"});
  EXPECT_THAT(Refusal(), HasSubstr("grpc-tls-cert-file: no certificates"));
  WriteServerCertificate(
      {.certificate = ca.IssueServer().certificate, .key = "none"});
  EXPECT_THAT(Refusal(), HasSubstr("grpc-tls-key-file: no private key"));
  WriteServerCertificate(ca.IssueServer());
  WriteOption("grpc-tls-client-ca-file", ca.certificate().substr(0, 100));
  EXPECT_THAT(Refusal(), HasSubstr("grpc-tls-client-ca-file: no certificates"));
}

}  // namespace
}  // namespace enveloperelay::testing
