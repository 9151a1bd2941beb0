// No secret that the relay has gets out of it where all of it is secured: keys
// of TLS, secrets that webhooks are signed with, tokens of those who subscribe.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
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
#include "server/base/check.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/integration/secrets/secret_search.h"
#include "tests/support/event_stream.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/raw_tls.h"
#include "tests/support/relay_process.h"
#include "tests/support/test_ca.h"
#include "tests/support/webhook_signature.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

// The number that is the private key.
std::string PrivateNumber(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr),
      EVP_PKEY_free);
  RELAY_CHECK(key != nullptr);
  BIGNUM* number = nullptr;
  RELAY_CHECK(
      EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> owned(number, BN_free);
  std::vector<unsigned char> bytes(32);
  RELAY_CHECK(BN_bn2binpad(number, bytes.data(), 32) == 32);
  return {bytes.begin(), bytes.end()};
}

// The parameter is the format of the logging.
class SecuredSecretsTest : public AccessRelayTest,
                           public ::testing::WithParamInterface<const char*> {
 protected:
  // Of the ingress.
  static constexpr char kToken[] = "whtok_Gamma-0123456789.~_z";
  static constexpr char kSigning[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  static constexpr char kOtherSigning[] =
      "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA==";
  // Of the gRPC port, besides kBilling and kAudit.
  static constexpr char kExpired[] =
      "ert_expired_expired_expired_expired_expir";
  static constexpr char kUnknown[] =
      "ert_unknown_unknown_unknown_unknown_unkno";
  // In files that are broken.
  static constexpr char kBrokenToken[] = "whtok_Broken-0123456789.~_z";
  static constexpr char kBrokenSigning[] = "whsec_YnJva2VuLXNpZ25pbmcta2V5";
  static constexpr char kPlainToken[] =
      "ert_plain_plain_plain_plain_plain_plai";
  static constexpr char kTokenInPolicy[] = "ert_policy_policy_policy_policy_po";

  SecuredSecretsTest() {
    search_.Add({.name = "an ingress token", .value = kToken});
    search_.Add({.name = "a broken ingress token", .value = kBrokenToken});
    for (const std::string secret : {kSigning, kOtherSigning, kBrokenSigning}) {
      const std::string base64 = secret.substr(6);
      std::string key;
      RELAY_CHECK(absl::Base64Unescape(base64, &key));
      search_.Add({.name = "a signing secret", .value = secret});
      search_.Add({.name = "its base64", .value = base64});
      search_.Add({.name = "its key", .value = key});
    }
    for (const std::string& token : tokens_) {
      search_.Add({.name = "a token of a caller", .value = token});
    }
  }

  void StartSecured();
  void WritePair(const std::string& port) {
    const TestIdentity pair = ca_.IssueServer();
    AddKey("the key of " + port, pair.key);
    WriteOption(port + "-tls-cert-file", pair.certificate);
    WriteOption(port + "-tls-key-file", pair.key);
  }
  void AddKey(const std::string& name, const std::string& pem) {
    std::string base64;
    for (const absl::string_view line : absl::StrSplit(pem, '\n')) {
      if (line.empty() || line.front() == '-') continue;
      search_.Add({.name = name + " (a line)", .value = std::string(line)});
      base64.append(line.data(), line.size());
    }
    std::string der;
    RELAY_CHECK(absl::Base64Unescape(base64, &der));
    search_.Add({.name = name + " (DER)", .value = der});
    search_.Add({.name = name + " (number)", .value = PrivateNumber(pem)});
  }

  // Sends a request over TLS and looks through the answer.
  int Ask(uint16_t port, std::string_view request) const {
    auto connection =
        RawTlsConnection::Connect(port, {.ca = ca_.certificate()});
    EXPECT_TRUE(connection.ok()) << connection.status();
    if (!connection.ok() || !connection->Send(request).ok()) return 0;
    const auto response = connection->Read();
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return 0;
    std::string text = response->status_line + "\n" + response->body;
    for (const auto& [name, value] : response->fields) {
      absl::StrAppend(&text, "\n", name, ": ", value);
    }
    search_.LookThrough("an answer over TLS", text);
    return response->status;
  }
  int Post(std::string_view body, std::string_view fields,
           const std::string& token = kToken) const {
    return Ask(relay_->ingress_port(),
               RawRequest("POST", "/webhooks/signplus/" + token, body, fields));
  }
  static std::string Fields(const std::string& signature, int64_t when) {
    return absl::StrCat("webhook-id: msg_1\r\nwebhook-timestamp: ", when,
                        "\r\nwebhook-signature: ", signature, "\r\n");
  }
  static std::string Signed(std::string_view body, std::string_view secret,
                            int64_t when = Now()) {
    return Fields(SignWebhook(secret, "msg_1", when, body), when);
  }
  static int64_t Now() { return absl::ToUnixSeconds(absl::Now()); }

  // A unary call with a token; looks through what comes back.
  template <typename Stub, typename Request, typename Response>
  grpc::StatusCode CallAs(const std::string& token, Stub& stub,
                          grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                       const Request&,
                                                       Response*),
                          const Request& request = {}) const {
    grpc::ClientContext context;
    SetDeadline(context);
    context.AddMetadata("authorization", "Bearer " + token);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    search_.LookThrough(status, response);
    return status.error_code();
  }

  void PostWebhooks() const;
  void MakeCalls() const;
  void ReadAsCaller() const;
  void BreakFiles(const std::map<std::string, std::string>& texts,
                  const std::vector<std::string>& problems) const;
  void BreakEveryFile();
  void BreakEveryFileOtherwise();

  const TestCa ca_;
  SecretSearch search_;
  const std::vector<std::string> tokens_ = {
      kBilling, kAudit, kExpired, kUnknown, kPlainToken, kTokenInPolicy};
};

void SecuredSecretsTest::StartSecured() {
  for (const char* const port : {"ingress", "grpc", "admin"}) WritePair(port);
  WriteOption("ingress-token-file", absl::StrCat("sender ", kToken, "\n"));
  WriteOption("ingress-signing-secret-file",
              absl::StrCat(kSigning, "\n", kOtherSigning, "\n"));
  WriteTokens(TokenLine("billing", kBilling) + TokenLine("audit", kAudit) +
              TokenLine("expired", kExpired, "2020-01-01T00:00:00Z"));
  WritePolicy(Allow("'token:billing'", "'*'", "'*'") +
              Allow("'token:audit'", "'GetLog'"));
  StartRelay({"--log-level=debug", absl::StrCat("--log-format=", GetParam())});
  channel_ = Tls(ca_);
  stub_ = v1::EnvelopeEventService::NewStub(channel_);
}

void SecuredSecretsTest::PostWebhooks() const {
  const std::string good = absl::StrCat(
      R"({"hook":{"event":"envelope_voided","target":"https://relay.example/)",
      kToken, R"("},"data":{"envelope_id":"e1"}})");
  const std::string bad = absl::StrCat("{\"no event\":\"", kToken, "\"}");
  EXPECT_EQ(Post(good, Signed(good, kSigning)), 200);
  EXPECT_EQ(Post(good, Signed(good, kOtherSigning)), 200);
  EXPECT_EQ(Post(bad, Signed(bad, kSigning)), 422);
  // Signed by another, for another body, long ago, not at all.
  EXPECT_EQ(Post(good, Signed(good, kBrokenSigning)), 401);
  EXPECT_EQ(Post(good, Signed(bad, kSigning)), 401);
  EXPECT_EQ(Post(good, Signed(good, kSigning, Now() - 1000)), 401);
  EXPECT_EQ(Post(good, ""), 401);
  // Secrets of another kind, and where they do not belong.
  for (const std::string& secret :
       {std::string(kSigning), std::string(kBilling), std::string(kUnknown)}) {
    EXPECT_EQ(Post(good, Signed(good, kSigning), secret), 401);
    EXPECT_EQ(Post(good, Fields("v1," + secret, Now())), 401);
    EXPECT_EQ(Post(good, Fields(secret, Now())), 401);
    EXPECT_EQ(Ask(relay_->ingress_port(),
                  RawRequest("POST", "/webhooks/signplus", good,
                             "Authorization: Bearer " + secret + "\r\n")),
              401);
    EXPECT_EQ(
        Ask(relay_->ingress_port(), RawRequest("POST", "/" + secret, good)),
        404);
  }
}

void SecuredSecretsTest::MakeCalls() const {
  const auto events = v1::EnvelopeEventService::NewStub(channel_);
  const auto get_log = [&](const std::string& token) {
    return CallAs(token, *events, &v1::EnvelopeEventService::Stub::GetLog);
  };
  EXPECT_EQ(get_log(kBilling), grpc::StatusCode::OK);
  EXPECT_EQ(get_log(kAudit), grpc::StatusCode::OK);
  for (const std::string& token :
       {std::string(kExpired), std::string(kUnknown), std::string(kToken),
        std::string(kSigning), absl::StrCat(kBilling, "x"),
        absl::StrCat(kBilling, " ", kAudit)}) {
    EXPECT_EQ(get_log(token), grpc::StatusCode::UNAUTHENTICATED);
  }
  for (const std::string& authorization :
       {std::string(kBilling), absl::StrCat("Basic ", kBilling)}) {
    const grpc::Status status = GetLogOver(channel_, authorization);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    search_.LookThrough(status, v1::GetLogResponse());
  }
  EXPECT_EQ(
      CallAs(kAudit, *events, &v1::EnvelopeEventService::Stub::ListEvents),
      grpc::StatusCode::PERMISSION_DENIED);
  // More metadata than is allowed: that costs the connection, so it is one of
  // its own.
  const auto other = v1::EnvelopeEventService::NewStub(Tls(ca_));
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("authorization", absl::StrCat("Bearer ", kBilling));
  context.AddMetadata("x-padding", std::string(40'000, 'x'));
  v1::GetLogResponse response;
  const grpc::Status refused = other->GetLog(&context, {}, &response);
  EXPECT_FALSE(refused.ok());
  search_.LookThrough(refused, response);
  EventStream denied(channel_, {}, kAudit);
  const grpc::Status status = denied.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  search_.LookThrough(status, v1::SubscribeResponse());
}

// Everything that a caller who may do everything can have.
void SecuredSecretsTest::ReadAsCaller() const {
  v1::SubscribeRequest subscribe = FromEarliest();
  subscribe.set_until_caught_up(true);
  EventStream stream(channel_, subscribe, kBilling);
  size_t events = 0;
  while (const auto response = stream.Next()) {
    events += static_cast<size_t>(response->events_size());
    search_.LookThrough("an event", response->SerializeAsString());
  }
  EXPECT_GE(events, 1U);

  const auto quarantine = v1::QuarantineService::NewStub(channel_);
  v1::ListQuarantinedResponse listed;
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("authorization", absl::StrCat("Bearer ", kBilling));
  const grpc::Status status =
      quarantine->ListQuarantined(&context, {}, &listed);
  search_.LookThrough(status, listed);
  ASSERT_EQ(listed.webhooks_size(), 1) << status.error_message();
  v1::GetQuarantinedRequest one;
  one.set_id(listed.webhooks(0).id());
  EXPECT_EQ(CallAs(kBilling, *quarantine,
                   &v1::QuarantineService::Stub::GetQuarantined, one),
            grpc::StatusCode::OK);

  // With a worker, whose principal is told.
  const auto subscriptions = v1::SubscriptionService::NewStub(channel_);
  v1::CreateSubscriptionRequest create;
  create.mutable_subscription()->set_name("billing");
  CallAs(kBilling, *subscriptions, &Subscriptions::CreateSubscription, create);
  EventStream worker(channel_, Of("billing"), kBilling);
  EXPECT_TRUE(worker.Next().has_value());
  v1::GetSubscriptionRequest get;
  get.set_name("billing");
  EXPECT_EQ(
      CallAs(kBilling, *subscriptions, &Subscriptions::GetSubscription, get),
      grpc::StatusCode::OK);
  EXPECT_EQ(CallAs(kBilling, *subscriptions, &Subscriptions::ListSubscriptions),
            grpc::StatusCode::OK);

  for (const char* const path : {"/metrics", "/version", "/readyz", "/livez"}) {
    EXPECT_EQ(Ask(relay_->admin_port(), RawRequest("GET", path)), 200);
  }
  search_.LookThrough("the logging", relay_->Log());
}

// Writes these files and waits until the relay has told what is wrong.
void SecuredSecretsTest::BreakFiles(
    const std::map<std::string, std::string>& texts,
    const std::vector<std::string>& problems) const {
  for (const auto& [option, text] : texts) {
    WriteFileAtOnce(files_.File(option), text);
  }
  for (const std::string& problem : problems) {
    const absl::Status told = relay_->WaitForLog(problem);
    EXPECT_TRUE(told.ok()) << told << "\n" << problem;
  }
}

void SecuredSecretsTest::BreakEveryFile() {
  std::map<std::string, std::string> texts = {
      {"ingress-token-file", absl::StrCat("# next\n", kBrokenToken, " !\n")},
      {"ingress-signing-secret-file", absl::StrCat(kBrokenSigning, "\n")},
      {"grpc-token-file", absl::StrCat("billing ", kPlainToken, "\n")},
      {"grpc-policy-file",
       Allow(absl::StrCat("'", kTokenInPolicy, "'"), "'GetLog'")}};
  // Keys that belong to other certificates.
  for (const std::string port : {"ingress", "grpc", "admin"}) {
    const std::string key = ca_.IssueServer().key;
    AddKey("another key for " + port, key);
    texts[port + "-tls-key-file"] = key;
  }
  BreakFiles(texts, {"ingress-token-file, line 2: ",
                     "ingress-signing-secret-file, line 1: the key of",
                     "grpc-token-file line 1: a hash is",
                     "grpc-policy-file line 2: principals: ",
                     "ingress-tls-key-file is not the key of",
                     "admin-tls-key-file is not the key of",
                     "grpc-tls-key-file: not the key of"});
}

void SecuredSecretsTest::BreakEveryFileOtherwise() {
  std::map<std::string, std::string> texts = {
      {"ingress-token-file", absl::StrCat(kBrokenToken, "\n", kBrokenToken)},
      {"ingress-signing-secret-file",
       absl::StrCat("\n", kBrokenSigning, " ", kOtherSigning, "\n")},
      {"grpc-token-file", absl::StrCat("\n", kPlainToken, "\n")},
      {"grpc-policy-file", absl::StrCat("\n\n", kTokenInPolicy, "\n")}};
  // Keys without their ends.
  for (const std::string port : {"ingress", "grpc", "admin"}) {
    const std::string key = ca_.IssueServer().key;
    AddKey("a key without an end for " + port, key);
    texts[port + "-tls-key-file"] = key.substr(0, key.size() - 40);
  }
  BreakFiles(texts,
             {"ingress-token-file, line 2: this token",
              "ingress-signing-secret-file, line 2: a secret is",
              "grpc-token-file line 2: ", "grpc-policy-file line 3 is no TOML",
              "ingress-tls-key-file has no private key",
              "admin-tls-key-file has no private key",
              "grpc-tls-key-file: no private key"});
}

TEST_P(SecuredSecretsTest, NoSecretGetsOut) {
  StartSecured();
  PostWebhooks();
  MakeCalls();
  ReadAsCaller();
  BreakEveryFile();
  BreakEveryFileOtherwise();
  // What was read before is in force.
  PostWebhooks();
  MakeCalls();
  ReadAsCaller();
  relay_->Kill();
  EXPECT_THAT(search_.LookThroughFiles(relay_->data_dir()),
              HasSubstr("https://relay.example/"));
  // It says what is wrong with the files at a start, too.
  EXPECT_FALSE(relay_->Restart().ok());
  search_.LookThrough("the logging", relay_->Log());
}

INSTANTIATE_TEST_SUITE_P(Formats, SecuredSecretsTest,
                         ::testing::Values("text", "json"),
                         [](const auto& format) {
                           return std::string(format.param);
                         });

}  // namespace
}  // namespace enveloperelay::testing
