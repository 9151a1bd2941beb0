#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_GRPC_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_GRPC_RELAY_TEST_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/support/event_stream.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {

// What to post: `count` webhooks, each of an envelope of its own.
struct Webhooks {
  size_t count = 1;
  // Each sends its share, one after the other.
  size_t connections = 8;
  // Makes each body that much larger.
  size_t padding_bytes = 0;
};

// The relay as it is shipped, fed over HTTP and asked over gRPC.
class GrpcRelayTest : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> arguments = {}) {
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    ConnectStub();
  }
  // After a (re)start of relay_.
  void ConnectStub() {
    channel_ = NewChannel();
    stub_ = v1::EnvelopeEventService::NewStub(channel_);
  }
  std::shared_ptr<grpc::Channel> NewChannel() const {
    return Connect(relay_->grpc_target());
  }

  static void ExpectOk(const grpc::Status& status) {
    EXPECT_TRUE(status.ok())
        << status.error_code() << " " << status.error_message();
  }
  // Checks that it is that row of the contract's table of errors.
  static StatusDetails ExpectError(const grpc::Status& status,
                                   grpc::StatusCode code,
                                   const std::string& reason) {
    SCOPED_TRACE(status.error_message());
    EXPECT_EQ(status.error_code(), code);
    StatusDetails details = ReadDetails(status);
    EXPECT_EQ(details.domain, "enveloperelay");
    EXPECT_EQ(details.reason, reason);
    return details;
  }

  // Posts and checks that each is stored.
  void Post(const Webhooks& webhooks) {
    const std::string padding = MakePadding(webhooks.padding_bytes);
    std::vector<std::thread> posters;
    for (size_t c = 0; c < webhooks.connections; ++c) {
      const size_t share = (webhooks.count + c) / webhooks.connections;
      const size_t first = posted_;
      posted_ += share;
      posters.emplace_back([this, first, share, &padding] {
        auto connection = RawConnection::Connect(relay_->ingress_port());
        ASSERT_TRUE(connection.ok()) << connection.status();
        for (size_t i = first; i < first + share; ++i) {
          ASSERT_EQ(PostOne(*connection, absl::StrCat("env-", i), padding),
                    200);
        }
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  // Posts one webhook of that envelope; returns the status.
  static int PostOne(RawConnection& connection, std::string_view envelope_id,
                     std::string_view padding = "") {
    const std::string body =
        R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")" +
        std::string(envelope_id) + R"(","padding":")" + std::string(padding) +
        R"("}})";
    if (!connection.Send(RawRequest("POST", "/webhooks/signplus", body)).ok()) {
      return 0;
    }
    const auto response = connection.Read();
    return response.ok() ? response->status : 0;
  }

  // Text that hardly compresses.
  static std::string MakePadding(size_t size) {
    std::mt19937 random(1);
    std::string padding(size, ' ');
    for (char& c : padding) c = static_cast<char>('0' + random() % 64);
    std::ranges::replace(padding, '\\', 'z');
    return padding;
  }

  // The calls of a client, with a deadline.
  grpc::Status List(const v1::ListEventsRequest& request,
                    v1::ListEventsResponse& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    return stub_->ListEvents(&context, request, &response);
  }
  grpc::Status Get(const v1::GetEventRequest& request,
                   v1::GetEventResponse& response) const {
    grpc::ClientContext context;
    SetDeadline(context);
    return stub_->GetEvent(&context, request, &response);
  }
  v1::GetLogResponse GetLog() const {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetLogResponse response;
    const grpc::Status status = stub_->GetLog(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  static void SetDeadline(grpc::ClientContext& context) {
    context.set_deadline(
        absl::ToChronoTime(absl::Now() + EventStream::kPatience));
  }

  static v1::SubscribeRequest FromEarliest() {
    v1::SubscribeRequest request;
    request.set_start(v1::START_POSITION_EARLIEST);
    return request;
  }
  static v1::SubscribeRequest From(const std::string& cursor) {
    v1::SubscribeRequest request;
    request.set_cursor(cursor);
    return request;
  }

  std::unique_ptr<RelayProcess> relay_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
  size_t posted_ = 0;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_GRPC_GRPC_RELAY_TEST_H_
