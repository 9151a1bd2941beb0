#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_ACCESS_ACCESS_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_ACCESS_ACCESS_RELAY_TEST_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "server/base/sha256.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/files.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_ca.h"

namespace enveloperelay::testing {

// The relay as it is shipped, which asks who calls.
class AccessRelayTest : public GrpcRelayTest {
 protected:
  using Channel = std::shared_ptr<grpc::Channel>;
  using Subscriptions = v1::SubscriptionService::Stub;

  static constexpr char kBilling[] = "ert_billing_billing_billing_billing";
  static constexpr char kAudit[] = "ert_audit_audit_audit_audit_audit_aud";

  // Starts it with these options besides those of files that were written.
  void StartRelay(std::vector<std::string> arguments = {}) {
    for (std::string& argument : options_) {
      arguments.push_back(std::move(argument));
    }
    options_.clear();
    ASSERT_NO_FATAL_FAILURE(Start(std::move(arguments)));
  }

  // A line of the file of tokens; `expires` may be empty.
  static std::string TokenLine(const std::string& name,
                               const std::string& token,
                               const std::string& expires = {}) {
    return absl::StrCat(name, " sha256:", absl::BytesToHexString(Sha256(token)),
                        " ", expires, "\n");
  }
  void WriteTokens(const std::string& text) {
    WriteOption("grpc-token-file", text);
  }
  void WritePolicy(const std::string& text) {
    WriteOption("grpc-policy-file", text);
  }
  // A rule of a policy. `names` is what stands between [ and ].
  static std::string Allow(const std::string& principals,
                           const std::string& methods,
                           const std::string& names = {}) {
    return absl::StrCat(
        "[[allow]]\nprincipals = [", principals, "]\nmethods = [", methods,
        "]\n", names.empty() ? "" : "subscriptions = [" + names + "]", "\n");
  }
  void WriteServerCertificate(const TestIdentity& identity) {
    WriteOption("grpc-tls-cert-file", identity.certificate);
    WriteOption("grpc-tls-key-file", identity.key);
  }
  void WriteClientCa(const TestCa& ca) {
    WriteOption("grpc-tls-client-ca-file", ca.certificate());
  }
  // Writes the file of an option, which the relay is then started with.
  void WriteOption(const std::string& option, std::string_view text) {
    const std::string path = files_.File(option);
    WriteFileAtOnce(path, text);
    options_.push_back(absl::StrCat("--", option, "=", path));
  }

  // A channel over TLS, with a client certificate or without.
  Channel Tls(const TestCa& ca, const TestIdentity& client = {}) const {
    return Connect(
        relay_->grpc_target(),
        grpc::SslCredentials({.pem_root_certs = ca.certificate(),
                              .pem_private_key = client.key,
                              .pem_cert_chain = client.certificate}));
  }

  // How a call of GetLog ends.
  static grpc::Status GetLogOver(const Channel& channel,
                                 const std::string& authorization = {}) {
    grpc::ClientContext context;
    SetDeadline(context);
    if (!authorization.empty()) {
      context.AddMetadata("authorization", authorization);
    }
    v1::GetLogResponse response;
    return v1::EnvelopeEventService::NewStub(channel)->GetLog(&context, {},
                                                              &response);
  }
  grpc::Status GetLogWith(const std::string& token) const {
    return GetLogOver(channel_, "Bearer " + token);
  }

  // A call of SubscriptionService with a token.
  template <typename Request, typename Response>
  grpc::Status Call(const std::string& token,
                    grpc::Status (Subscriptions::*method)(grpc::ClientContext*,
                                                          const Request&,
                                                          Response*),
                    const Request& request, Response& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    context.AddMetadata("authorization", "Bearer " + token);
    const auto stub = v1::SubscriptionService::NewStub(channel_);
    return (stub.get()->*method)(&context, request, &response);
  }
  grpc::Status Create(const std::string& token, const std::string& name) const {
    v1::CreateSubscriptionRequest request;
    request.mutable_subscription()->set_name(name);
    v1::CreateSubscriptionResponse response;
    return Call(token, &Subscriptions::CreateSubscription, request, response);
  }

  static v1::SubscribeRequest Of(const std::string& subscription) {
    v1::SubscribeRequest request;
    request.set_subscription(subscription);
    return request;
  }

  static void ExpectUnauthenticated(const grpc::Status& status) {
    ExpectError(status, grpc::StatusCode::UNAUTHENTICATED,
                "CREDENTIALS_INVALID");
  }
  static void ExpectDenied(const grpc::Status& status) {
    ExpectError(status, grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED");
  }

  TempDir files_;
  std::vector<std::string> options_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_ACCESS_ACCESS_RELAY_TEST_H_
