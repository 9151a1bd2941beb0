#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_SUBSCRIPTIONS_SUBSCRIPTIONS_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_SUBSCRIPTIONS_SUBSCRIPTIONS_RELAY_TEST_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {

// The relay as it is shipped, with the durable subscription "billing" of it.
class SubscriptionsRelayTest : public GrpcRelayTest {
 protected:
  using Sequences = std::vector<uint64_t>;
  using Subscriptions = v1::SubscriptionService::Stub;

  void StartRelay(std::vector<std::string> arguments = {}) {
    ASSERT_NO_FATAL_FAILURE(Start(std::move(arguments)));
    subscriptions_ = v1::SubscriptionService::NewStub(channel_);
  }
  // After relay_ has ended, with other options.
  void RestartRelay(std::vector<std::string> arguments = {}) {
    const absl::Status started = relay_->Restart(std::move(arguments));
    ASSERT_TRUE(started.ok()) << started;
    ConnectStub();
    subscriptions_ = v1::SubscriptionService::NewStub(channel_);
  }

  // A call of the service, with a deadline.
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (Subscriptions::*method)(grpc::ClientContext*,
                                                          const Request&,
                                                          Response*),
                    const Request& request, Response& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    return (subscriptions_.get()->*method)(&context, request, &response);
  }

  // "billing", from the oldest event on.
  static v1::Subscription Billing() {
    v1::Subscription subscription;
    subscription.set_name("billing");
    subscription.set_start(v1::START_POSITION_EARLIEST);
    return subscription;
  }
  v1::Subscription Create(const v1::Subscription& subscription = Billing()) {
    v1::CreateSubscriptionRequest request;
    *request.mutable_subscription() = subscription;
    v1::CreateSubscriptionResponse response;
    ExpectOk(Call(&Subscriptions::CreateSubscription, request, response));
    return response.subscription();
  }
  v1::Subscription GetBilling() const {
    v1::GetSubscriptionRequest request;
    request.set_name("billing");
    v1::GetSubscriptionResponse response;
    ExpectOk(Call(&Subscriptions::GetSubscription, request, response));
    return response.subscription();
  }
  v1::Subscription Update(const v1::Subscription& changes,
                          const std::vector<std::string>& mask = {}) {
    v1::UpdateSubscriptionRequest request;
    *request.mutable_subscription() = changes;
    for (const std::string& path : mask) {
      request.mutable_update_mask()->add_paths(path);
    }
    v1::UpdateSubscriptionResponse response;
    ExpectOk(Call(&Subscriptions::UpdateSubscription, request, response));
    return response.subscription();
  }
  std::vector<v1::DeadLetter> DeadLetters() const {
    v1::ListDeadLettersRequest request;
    request.set_subscription("billing");
    v1::ListDeadLettersResponse response;
    ExpectOk(Call(&Subscriptions::ListDeadLetters, request, response));
    return {response.dead_letters().begin(), response.dead_letters().end()};
  }

  // Posts webhooks of these envelopes, one after the other.
  void PostOf(const std::vector<std::string>& envelope_ids) {
    auto connection = RawConnection::Connect(relay_->ingress_port());
    ASSERT_TRUE(connection.ok()) << connection.status();
    for (const std::string& envelope_id : envelope_ids) {
      // Told apart by the file's name, for the relay stores no event twice.
      const std::string body = absl::StrCat(
          R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")",
          envelope_id, R"(","file_name":")", posted_++, R"("}})");
      ASSERT_TRUE(
          connection->Send(RawRequest("POST", "/webhooks/signplus", body))
              .ok());
      const auto response = connection->Read();
      ASSERT_TRUE(response.ok()) << response.status();
      ASSERT_EQ(response->status, 200);
    }
  }

  // Of "billing".
  static v1::SubscribeRequest As(const std::string& worker_id) {
    v1::SubscribeRequest request;
    request.set_subscription("billing");
    request.set_worker_id(worker_id);
    request.mutable_heartbeat_interval()->set_seconds(1);
    return request;
  }

  // What is to become of the events of `batch`: these, or all.
  static v1::Settlement Make(const v1::SubscribeResponse& batch,
                             v1::AckAction action,
                             const Sequences& sequences = {}) {
    v1::Settlement settlement;
    settlement.set_delivery_id(batch.delivery().delivery_id());
    settlement.mutable_sequences()->Add(sequences.begin(), sequences.end());
    settlement.set_action(action);
    return settlement;
  }
  grpc::Status Acknowledge(const v1::AcknowledgeRequest& request,
                           v1::AcknowledgeResponse& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    return stub_->Acknowledge(&context, request, &response);
  }
  std::vector<v1::SettlementStatus> Acknowledge(
      const std::vector<v1::Settlement>& settlements) const {
    v1::AcknowledgeRequest request;
    request.set_subscription("billing");
    for (const v1::Settlement& settlement : settlements) {
      *request.add_settlements() = settlement;
    }
    v1::AcknowledgeResponse response;
    ExpectOk(Acknowledge(request, response));
    std::vector<v1::SettlementStatus> statuses;
    for (const int status : response.statuses()) {
      statuses.push_back(static_cast<v1::SettlementStatus>(status));
    }
    return statuses;
  }
  v1::SettlementStatus Settle(const v1::Settlement& settlement) const {
    const auto statuses = Acknowledge(std::vector{settlement});
    return statuses.size() == 1 ? statuses[0]
                                : v1::SETTLEMENT_STATUS_UNSPECIFIED;
  }
  v1::SettlementStatus Settle(const v1::SubscribeResponse& batch,
                              v1::AckAction action,
                              const Sequences& sequences = {}) const {
    return Settle(Make(batch, action, sequences));
  }

  static Sequences SequencesOf(const v1::SubscribeResponse& batch) {
    Sequences sequences;
    for (const v1::EnvelopeEvent& event : batch.events()) {
      sequences.push_back(event.sequence());
    }
    return sequences;
  }
  // Of each event of `batch`.
  static std::vector<uint32_t> AttemptsOf(const v1::SubscribeResponse& batch) {
    const auto& attempts = batch.delivery().attempts();
    if (!attempts.empty()) return {attempts.begin(), attempts.end()};
    return std::vector<uint32_t>(static_cast<size_t>(batch.events_size()), 1);
  }

  static absl::Time ToTime(const google::protobuf::Timestamp& time) {
    return absl::FromUnixSeconds(time.seconds()) +
           absl::Nanoseconds(time.nanos());
  }
  static google::protobuf::Duration ToDuration(absl::Duration duration) {
    google::protobuf::Duration proto;
    proto.set_seconds(absl::ToInt64Seconds(duration));
    proto.set_nanos(static_cast<int32_t>(
        absl::ToInt64Nanoseconds(duration - absl::Seconds(proto.seconds()))));
    return proto;
  }

  std::unique_ptr<Subscriptions> subscriptions_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_SUBSCRIPTIONS_SUBSCRIPTIONS_RELAY_TEST_H_
