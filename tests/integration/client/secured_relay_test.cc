// The client library and envelopectl on a relay that asks who calls.
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "boost/json/parse.hpp"
#include "boost/json/value.hpp"
#include "enveloperelay/error_info.h"
#include "enveloperelay/security.h"
#include "enveloperelay/subscriber.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/sha256.h"
#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::FinishedCommand;
using ::enveloperelay::testing::RawRequest;
using ::enveloperelay::testing::RelayProcess;
using ::enveloperelay::testing::RunCommand;
using ::enveloperelay::testing::TempDir;
using ::enveloperelay::testing::TestCa;
using ::enveloperelay::testing::TestIdentity;
using ::enveloperelay::testing::WriteFileAtOnce;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kToken[] = "ert_billing_billing_billing_billing";
constexpr char kNextToken[] = "ert_next_next_next_next_next_next_ne";

class SecuredRelayTest : public ::testing::Test {
 protected:
  // A relay with TLS and tokens; `arguments` besides.
  void Start(std::vector<std::string> arguments = {}) {
    const TestIdentity server = ca_.IssueServer();
    Write("cert", server.certificate);
    Write("key", server.key);
    Write("ca", ca_.certificate());
    AllowTokens({kToken});
    Write("token", kToken);
    arguments.push_back("--grpc-tls-cert-file=" + File("cert"));
    arguments.push_back("--grpc-tls-key-file=" + File("key"));
    arguments.push_back("--grpc-token-file=" + File("tokens"));
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }
  std::string File(const std::string& name) const { return files_.File(name); }
  void Write(const std::string& name, const std::string& text) const {
    WriteFileAtOnce(File(name), text);
  }
  // Makes these the tokens of "billing".
  void AllowTokens(const std::vector<std::string>& tokens) const {
    std::string text = "# the tokens\n";
    for (const std::string& token : tokens) {
      absl::StrAppend(&text,
                      "billing sha256:", absl::BytesToHexString(Sha256(token)),
                      "\n");
    }
    Write("tokens", text);
  }
  void Post(const std::string& envelope_id) const {
    const auto response = testing::Fetch(
        relay_->ingress_port(),
        RawRequest(
            "POST", "/webhooks/signplus",
            absl::StrCat(R"({"hook":{"event":"envelope_voided"},)",
                         R"("data":{"envelope_id":")", envelope_id, R"("}})")));
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->status, 200);
  }

  SecurityOptions Security() const {
    return {.tls = TlsOptions{.ca_file = File("ca")},
            .token_file = File("token")};
  }
  SubscriberOptions Options() const {
    SubscriberOptions options;
    options.target = relay_->grpc_target();
    options.security = Security();
    options.request.set_start(v1::START_POSITION_EARLIEST);
    options.backoff_initial = absl::Milliseconds(20);
    options.backoff_max = absl::Milliseconds(200);
    return options;
  }
  // Waits for the next event; returns its envelope, "" at the end.
  static std::string NextEnvelope(Subscriber& subscriber) {
    while (true) {
      const auto response = subscriber.Next();
      EXPECT_TRUE(response.ok()) << response.status();
      if (!response.ok() || *response == nullptr) return "";
      if ((*response)->events_size() > 0) {
        return (*response)->events(0).envelope_id();
      }
    }
  }
  static std::string ReasonOf(const absl::Status& status) {
    const std::optional<ErrorInfo> info = GetErrorInfo(status);
    return info.has_value() ? info->reason : "";
  }

  // Runs envelopectl; `secured`: with the CA and the token.
  FinishedCommand Envelopectl(std::vector<std::string> arguments,
                              bool secured = true) const {
    arguments.push_back("--grpc=" + relay_->grpc_target());
    if (secured) {
      arguments.push_back("--ca-file=" + File("ca"));
      arguments.push_back("--token-file=" + File("token"));
    }
    return RunCommand(
        {.program = ENVELOPECTL_BINARY, .arguments = std::move(arguments)});
  }

  const TestCa ca_;
  const TempDir files_;
  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(SecuredRelayTest, ASubscriberShowsItsToken) {
  Start();
  Post("e1");
  Subscriber subscriber(Options());
  EXPECT_EQ(NextEnvelope(subscriber), "e1");
}

TEST_F(SecuredRelayTest, AWorkerShowsItInEveryCall) {
  Start();
  ASSERT_EQ(Envelopectl({"subscriptions", "create", "billing"}).errors, "");
  Post("e1");
  WorkerOptions options{.target = relay_->grpc_target(),
                        .security = Security(),
                        .subscription = "billing"};
  Worker worker(std::move(options));
  std::thread poster([this] { Post("e2"); });
  const absl::Status status =
      worker.Run([&worker](const v1::EnvelopeEvent& /*event*/) {
        worker.Stop();
        return Handled::Done();
      });
  poster.join();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(worker.counts().done, 1);
}

TEST_F(SecuredRelayTest, AClientCertificateWillDoInsteadOfAToken) {
  Write("ca", ca_.certificate());
  Start({"--grpc-tls-client-ca-file=" + File("ca")});
  const TestIdentity client = ca_.IssueClientWithDns("billing.internal");
  Write("client-cert", client.certificate);
  Write("client-key", client.key);
  Post("e1");
  SubscriberOptions options = Options();
  options.security = {.tls = TlsOptions{.ca_file = File("ca"),
                                        .cert_file = File("client-cert"),
                                        .key_file = File("client-key")}};
  Subscriber subscriber(std::move(options));
  EXPECT_EQ(NextEnvelope(subscriber), "e1");
}

TEST_F(SecuredRelayTest, AWrongTokenIsFinal) {
  Start();
  Write("token", kNextToken);
  Subscriber subscriber(Options());
  const absl::Status status = subscriber.Next().status();
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_EQ(ReasonOf(status), "CREDENTIALS_INVALID");
}

TEST_F(SecuredRelayTest, ATokenThatIsReplacedGoesOnWithTheNextOne) {
  Start();
  Post("e1");
  Subscriber subscriber(Options());
  EXPECT_EQ(NextEnvelope(subscriber), "e1");
  Write("token", kNextToken);
  AllowTokens({kNextToken});  // which ends the stream
  ASSERT_TRUE(
      relay_->WaitForLog("stream ended reason=CREDENTIALS_INVALID").ok());
  Post("e2");
  EXPECT_EQ(NextEnvelope(subscriber), "e2");
}

TEST_F(SecuredRelayTest, ATokenThatIsWithdrawnEndsTheSubscriber) {
  Start();
  Post("e1");
  Subscriber subscriber(Options());
  EXPECT_EQ(NextEnvelope(subscriber), "e1");
  AllowTokens({});
  const absl::Status status = subscriber.Run(
      [](const v1::EnvelopeEvent& /*event*/) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
}

TEST_F(SecuredRelayTest, AFileThatIsMissingIsNamed) {
  Start();
  SubscriberOptions options = Options();
  options.security.token_file = File("missing");
  const absl::Status status = Subscriber(std::move(options)).Next().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(File("missing")));
}

TEST_F(SecuredRelayTest, EnvelopectlReachesItAndSaysWhatIsMissing) {
  Start();
  Post("e1");
  EXPECT_THAT(Envelopectl({"log"}).output, HasSubstr("latestSequence"));
  EXPECT_THAT(Envelopectl({"list"}).output, HasSubstr("e1"));
  EXPECT_THAT(
      Envelopectl({"subscribe", "--from", "earliest", "--until-caught-up"})
          .output,
      HasSubstr("e1"));
  EXPECT_THAT(Envelopectl({"subscriptions", "list"}).errors, IsEmpty());

  const FinishedCommand anonymous =
      Envelopectl({"log", "--ca-file", File("ca")}, /*secured=*/false);
  EXPECT_EQ(anonymous.status.code, 1);
  EXPECT_THAT(anonymous.errors, HasSubstr("set --token-file"));
  EXPECT_THAT(Envelopectl({"log"}, /*secured=*/false).errors,
              HasSubstr("--tls"));
  Write("other-ca", TestCa("Another CA").certificate());
  EXPECT_THAT(
      Envelopectl({"log", "--ca-file", File("other-ca")}, /*secured=*/false)
          .errors,
      AllOf(HasSubstr("TLS with the relay"), HasSubstr("--ca-file")));
}

TEST_F(SecuredRelayTest, ATokenOfEnvelopectlOpensTheDoor) {
  Start();
  const FinishedCommand created =
      RunCommand({.program = ENVELOPECTL_BINARY,
                  .arguments = {"token", "create", "ops", "--expires", "1d",
                                "-o", "json"}});
  ASSERT_EQ(created.status.code, 0) << created.errors;
  const boost::json::value made = boost::json::parse(created.output);
  Write("token", std::string(made.at("token").as_string()));
  Write("tokens", std::string(made.at("line").as_string()) + "\n");
  const absl::Status read =
      relay_->WaitForLog("read again file=" + File("tokens"));
  ASSERT_TRUE(read.ok()) << read;
  const FinishedCommand log = Envelopectl({"log"});
  EXPECT_THAT(log.errors, IsEmpty());
  EXPECT_THAT(log.output, HasSubstr("logId"));
  EXPECT_THAT(relay_->Log(),
              Not(HasSubstr(std::string(made.at("token").as_string()))));
}

}  // namespace
}  // namespace enveloperelay::client
