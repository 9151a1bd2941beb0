#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_QUARANTINE_QUARANTINE_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_QUARANTINE_QUARANTINE_RELAY_TEST_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {

// The relay as it is shipped, sent what it cannot understand.
class QuarantineRelayTest : public GrpcRelayTest {
 protected:
  using Stub = v1::QuarantineService::Stub;

  static constexpr char kMissing[] =
      R"({"hook":{"event":"envelope_voided"},"data":{}})";
  static constexpr char kVoided[] =
      R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";

  void StartRelay(std::vector<std::string> arguments = {}) {
    ASSERT_NO_FATAL_FAILURE(Start(std::move(arguments)));
    quarantine_ = v1::QuarantineService::NewStub(channel_);
  }
  // After relay_ has ended.
  void RestartRelay() {
    const absl::Status started = relay_->Restart();
    ASSERT_TRUE(started.ok()) << started;
    ConnectStub();
    quarantine_ = v1::QuarantineService::NewStub(channel_);
  }
  void RestartRelay(std::vector<std::string> arguments) {
    const absl::Status started = relay_->Restart(std::move(arguments));
    ASSERT_TRUE(started.ok()) << started;
    ConnectStub();
    quarantine_ = v1::QuarantineService::NewStub(channel_);
  }

  RawResponse Ask(std::string_view request) const {
    auto response = Fetch(relay_->ingress_port(), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }
  RawResponse PostBody(std::string_view body,
                       std::string_view fields = "") const {
    return Ask(RawRequest("POST", "/webhooks/signplus", body, fields));
  }

  // A call of the service, with a deadline.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                 const Request&, Response*),
                    const Request& request, Response& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    return (quarantine_.get()->*method)(&context, request, &response);
  }
  grpc::Status List(const v1::ListQuarantinedRequest& request,
                    v1::ListQuarantinedResponse& response) const {
    return Call(&Stub::ListQuarantined, request, response);
  }
  // All, oldest first.
  std::vector<v1::QuarantinedWebhook> All() const {
    v1::ListQuarantinedRequest request;
    request.set_oldest_first(true);
    request.set_page_size(1000);
    v1::ListQuarantinedResponse response;
    ExpectOk(List(request, response));
    return {response.webhooks().begin(), response.webhooks().end()};
  }
  v1::QuarantinedWebhook Get(const std::string& id) const {
    v1::GetQuarantinedRequest request;
    request.set_id(id);
    v1::GetQuarantinedResponse response;
    ExpectOk(Call(&Stub::GetQuarantined, request, response));
    return response.webhook();
  }
  v1::RetryQuarantinedResponse Retry(
      const v1::RetryQuarantinedRequest& request) const {
    v1::RetryQuarantinedResponse response;
    ExpectOk(Call(&Stub::RetryQuarantined, request, response));
    return response;
  }
  v1::RetryResult RetryOne(const std::string& id) const {
    v1::RetryQuarantinedRequest request;
    request.add_ids(id);
    const v1::RetryQuarantinedResponse response = Retry(request);
    EXPECT_EQ(response.results_size(), 1);
    return response.results_size() == 1 ? response.results(0)
                                        : v1::RetryResult();
  }
  uint32_t Delete(const v1::DeleteQuarantinedRequest& request) const {
    v1::DeleteQuarantinedResponse response;
    ExpectOk(Call(&Stub::DeleteQuarantined, request, response));
    return response.deleted();
  }

  // The value of a metric, by its name with its labels; nothing if there is no
  // such line.
  std::optional<double> Metric(const std::string& name) const {
    const auto metrics =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    if (!metrics.ok()) return std::nullopt;
    const size_t line = metrics->body.find("\n" + name + " ");
    if (line == std::string::npos) return std::nullopt;
    return std::stod(metrics->body.substr(line + name.size() + 2));
  }

  std::unique_ptr<Stub> quarantine_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_QUARANTINE_QUARANTINE_RELAY_TEST_H_
