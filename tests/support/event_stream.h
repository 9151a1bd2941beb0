#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_STREAM_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {

// A channel with a connection of its own.
inline std::shared_ptr<grpc::Channel> Connect(
    const std::string& target,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials =
        grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

// One Subscribe call of a client without any library, so that tests see every
// response. Cancelled when it goes.
class EventStream {
 public:
  // No test waits longer for anything on a stream.
  static constexpr absl::Duration kPatience = absl::Minutes(2);

  // `token`: a bearer token to show, or nothing.
  EventStream(const std::shared_ptr<grpc::Channel>& channel,
              const v1::SubscribeRequest& request,
              const std::string& token = {})
      : stub_(v1::EnvelopeEventService::NewStub(channel)) {
    if (!token.empty())
      context_.AddMetadata("authorization", "Bearer " + token);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    reader_ = stub_->Subscribe(&context_, request);
  }
  ~EventStream() { context_.TryCancel(); }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Waits for the next response; nothing when the stream has ended.
  std::optional<v1::SubscribeResponse> Next() {
    v1::SubscribeResponse response;
    if (!reader_->Read(&response)) return std::nullopt;
    return response;
  }
  // Waits for the next response with events or an end; nothing when the stream
  // has ended.
  std::optional<v1::SubscribeResponse> NextBatch() {
    std::optional<v1::SubscribeResponse> response = Next();
    while (response.has_value() && response->events().empty() &&
           !response->has_end()) {
      response = Next();
    }
    return response;
  }
  // Reads to the end and returns how it ended.
  grpc::Status End() {
    while (Next()) {
    }
    return Finish();
  }
  // How the stream has ended, once Next() has returned nothing.
  grpc::Status Finish() { return reader_->Finish(); }
  void Cancel() { context_.TryCancel(); }

 private:
  std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_STREAM_H_
