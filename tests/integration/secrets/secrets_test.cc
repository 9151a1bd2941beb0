// No token that senders show gets out of the relay, whatever is asked and
// whatever goes wrong: not in logging, metrics, files, answers or events.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/integration/secrets/secret_search.h"
#include "tests/support/event_stream.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_http2.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

// The tokens that senders show, which are in bodies as well.
class SecretsTest : public GrpcRelayTest {
 protected:
  SecretsTest() {
    for (const Secret& secret : secrets_) search_.Add(secret);
  }
  void StartRelay(std::vector<std::string> arguments) {
    std::ofstream(directory_.File("tokens")) << "# rotation\n"
                                             << token() << "\n"
                                             << new_token() << "\n";
    arguments.push_back("--ingress-token-file=" + directory_.File("tokens"));
    arguments.push_back("--log-level=debug");
    ASSERT_NO_FATAL_FAILURE(Start(std::move(arguments)));
    quarantine_ = v1::QuarantineService::NewStub(channel_);
    subscriptions_ = v1::SubscriptionService::NewStub(channel_);
  }

  const std::string& token() const { return secrets_[0].value; }
  const std::string& new_token() const { return secrets_[1].value; }

  // Sends a request and looks through the answer; 0: there was none.
  int Ask(std::string_view request) {
    const auto response = Fetch(relay_->ingress_port(), request);
    if (!response.ok()) return 0;
    std::string text = response->status_line + "\n" + response->body;
    for (const auto& [name, value] : response->fields) {
      absl::StrAppend(&text, "\n", name, ": ", value);
    }
    search_.LookThrough("an answer of the ingress", text);
    return response->status;
  }
  int PostInPath(std::string_view body, std::string_view fields = "") {
    return Ask(
        RawRequest("POST", "/webhooks/signplus/" + token(), body, fields));
  }
  int PostInField(std::string_view body, std::string_view fields = "") {
    return Ask(RawRequest("POST", "/webhooks/signplus", body,
                          absl::StrCat("Authorization: Bearer ", new_token(),
                                       "\r\n", std::string(fields))));
  }

  // Webhooks that are events, with `text` everywhere.
  static std::vector<std::string> GoodBodies(const std::string& text) {
    return {R"({"hook":{"id":"h","event":"envelope_voided","target":)"
            R"("https:\/\/relay.example\/webhooks\/signplus\/)" +
                text + R"("},"data":{"envelope_id":"e1"}})",
            R"({"hook":{"id":")" + text +
                R"(","event":"envelope_audit_trail"},)" + R"("data":{"id":")" +
                text + R"(","uid":"-)" + text + R"(-","envelope_id":"x)" +
                text + R"(","file_name":")" + text +
                R"(.pdf","recipient_id":")" + text + R"(","action":")" + text +
                R"("}})",
            R"({"hook":{"event":"new_)" + text +
                R"("},"data":{"envelope_id":"e2",")" + text +
                R"(":{"nested":[")" + text + R"("]},"json":"{\"a\":\")" + text +
                R"(\"}"},")" + text + R"(":null})"};
  }
  // Those that are none.
  static std::vector<std::string> BadBodies(const std::string& text) {
    return {text,
            "{\"hook\":{\"event\":\"" + text,
            std::string("\xff\0", 2) + text + "&" + text,
            "target=https%3A%2F%2Frelay.example%2F" + text,
            R"({"hook":{"event":"x"},"data":{"envelope_id":{")" + text +
                R"(":")" + text + R"("}}})",
            R"({"hook":")" + text + R"(","data":[")" + text + R"("]})"};
  }

  void PostEverything();
  void CauseErrors();
  void SendBadMetadata();
  void ReadEverything();
  void ReadQuarantine();
  void ReadFiles();

  TempDir directory_;
  const std::vector<Secret> secrets_ = {
      {.name = "an ingress token", .value = "whtok_Alpha-0123456789.~_z"},
      {.name = "a second ingress token", .value = "whtok_Beta-9876543210zyx"},
  };
  SecretSearch search_;
  std::unique_ptr<v1::QuarantineService::Stub> quarantine_;
  std::unique_ptr<v1::SubscriptionService::Stub> subscriptions_;
};

void SecretsTest::PostEverything() {
  for (const Secret& secret : secrets_) {
    const std::vector<std::string> spellings = Spellings(secret.value);
    // As it is; percent-encoded, in either letter case; in JSON's escapes.
    for (const size_t i : {0, 1, 2, 3}) {
      for (const std::string& body : GoodBodies(spellings[i])) {
        EXPECT_EQ(PostInPath(body), 200) << body;
        EXPECT_EQ(PostInField(body), 200) << body;
        // To be retried.
        EXPECT_EQ(PostInPath(body, "Content-Type: text/plain\r\n"), 415);
      }
    }
    for (const size_t i : {0, 1, 2, 3, 4}) {
      for (const std::string& body : BadBodies(spellings[i])) {
        EXPECT_GE(PostInPath(body), 400) << body;
        EXPECT_EQ(PostInField(body, "Content-Type: text/" + secret.value +
                                        "; a=" + secret.value + "\r\n"),
                  415);
      }
    }
  }
}

void SecretsTest::CauseErrors() {
  for (const Secret& secret : secrets_) {
    const std::string& value = secret.value;
    const std::string path = "/webhooks/signplus/" + value;
    EXPECT_EQ(Ask(RawRequest("PUT", path, "x")), 405);
    EXPECT_EQ(Ask(RawRequest("POST", path + "/x", "x")), 404);
    EXPECT_EQ(Ask(RawRequest("POST", "/" + value, "x")), 404);
    EXPECT_EQ(Ask(RawRequest("POST", path + "x", "x")), 401);
    EXPECT_EQ(Ask(RawRequest("POST", "/webhooks/signplus?" + value, "x")), 401);
    EXPECT_EQ(Ask("POST " + path + " HTTP/1.1\r\nHost: a\r\nHost: " + value +
                  "\r\n\r\n"),
              400);
    EXPECT_EQ(Ask("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                  value + "\r\n\r\n"),
              400);
    EXPECT_GE(Ask(value + " " + path + " HTTP/3\r\n\r\n"), 400);
    EXPECT_EQ(Ask(RawRequest("POST", path, std::string(300'000, ' ') + value)),
              413);
  }
}

// gRPC itself logs what it cannot parse.
void SecretsTest::SendBadMetadata() {
  std::vector<RawSocket> sockets;
  for (const Secret& secret : secrets_) {
    for (const char* const name : {"grpc-timeout", "te", "grpc-encoding"}) {
      sockets.emplace_back(relay_->grpc_port())
          .Send(http2::Begin() +
                http2::Frame(http2::kHeaders, http2::kEndHeaders, 1,
                             http2::CallHeaders("/none/None") + '\0' +
                                 http2::HpackString(name) +
                                 http2::HpackString(secret.value)));
    }
  }
  const absl::Status told = relay_->WaitForLog("Error parsing metadata");
  EXPECT_TRUE(told.ok()) << told;
}

void SecretsTest::ReadEverything() {
  v1::SubscribeRequest subscribe = FromEarliest();
  subscribe.set_until_caught_up(true);
  EventStream stream(channel_, subscribe);
  size_t events = 0;
  while (const auto response = stream.Next()) {
    events += static_cast<size_t>(response->events_size());
    search_.LookThrough("an event", response->SerializeAsString());
  }
  EXPECT_GE(events, 9U);
  for (uint64_t sequence = 1; sequence <= events; ++sequence) {
    v1::GetEventRequest request;
    request.set_sequence(sequence);
    v1::GetEventResponse response;
    search_.LookThrough(Get(request, response), response);
  }
  // What is asked for may come back, but nothing that is stored.
  v1::SubscribeRequest unknown;
  unknown.set_subscription("unknown");
  EventStream refused(channel_, unknown);
  EXPECT_FALSE(refused.Next().has_value());
  search_.LookThrough(refused.Finish(), v1::SubscribeResponse());
  for (const char* const path : {"/metrics", "/version", "/readyz", "/livez"}) {
    const auto answer = Fetch(relay_->admin_port(), RawRequest("GET", path));
    ASSERT_TRUE(answer.ok()) << answer.status();
    search_.LookThrough(path, answer->body);
  }
  search_.LookThrough("the logging", relay_->Log());
}

void SecretsTest::ReadQuarantine() {
  v1::ListQuarantinedRequest list;
  list.set_page_size(1000);
  v1::ListQuarantinedResponse listed;
  grpc::ClientContext list_context;
  search_.LookThrough(
      quarantine_->ListQuarantined(&list_context, list, &listed), listed);
  EXPECT_GE(listed.webhooks_size(), 12);
  for (const v1::QuarantinedWebhook& webhook : listed.webhooks()) {
    v1::GetQuarantinedRequest request;
    request.set_id(webhook.id());
    v1::GetQuarantinedResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        quarantine_->GetQuarantined(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    search_.LookThrough(status, response);
  }
  v1::RetryQuarantinedRequest retry;
  retry.set_all(true);
  retry.set_page_size(1000);
  v1::RetryQuarantinedResponse retried;
  grpc::ClientContext retry_context;
  search_.LookThrough(
      quarantine_->RetryQuarantined(&retry_context, retry, &retried), retried);
  EXPECT_EQ(retried.results_size(), listed.webhooks_size());
}

void SecretsTest::ReadFiles() {
  // What is not blanked can be found, so a secret could be.
  EXPECT_THAT(search_.LookThroughFiles(relay_->data_dir()),
              ::testing::HasSubstr("https:\\/\\/relay.example"));
}

TEST_F(SecretsTest, NoSecretGetsOut) {
  StartRelay({});
  PostEverything();
  CauseErrors();
  SendBadMetadata();
  ReadEverything();
  ReadQuarantine();
  // After what was retried.
  ReadEverything();
  relay_->Kill();
  ReadFiles();
  ASSERT_TRUE(relay_->Restart().ok());
  ConnectStub();
  quarantine_ = v1::QuarantineService::NewStub(channel_);
  ReadEverything();
  ASSERT_TRUE(relay_->Terminate().ok());
  search_.LookThrough("the logging", relay_->Log());
}

TEST_F(SecretsTest, NoSecretGetsOutOfLoggingInJson) {
  StartRelay({"--log-format=json"});
  PostEverything();
  CauseErrors();
  ASSERT_TRUE(relay_->Terminate().ok());
  EXPECT_THAT(relay_->Log(), ::testing::HasSubstr("webhook refused"));
  search_.LookThrough("the logging", relay_->Log());
}

TEST_F(SecretsTest, NoSecretIsAmongTheArgumentsOrTheEnvironment) {
  StartRelay({});
  for (const char* const name : {"cmdline", "environ"}) {
    const std::string text =
        ContentOf(absl::StrFormat("/proc/%d/%s", relay_->pid(), name));
    EXPECT_NE(text, "");
    search_.LookThrough(name, text);
  }
}

}  // namespace
}  // namespace enveloperelay::testing
