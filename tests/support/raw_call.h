#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_RAW_CALL_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_RAW_CALL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace enveloperelay::testing {

// A call of any method with bytes for messages: for services whose messages
// have no package, and for requests that no generated code would send. Sends
// one request, with a bearer token or without, and reads the responses. The
// relay may be left to think that it `sends_more`.
class RawCall {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel,
          const std::string& method, const std::string& request,
          const std::string& token = {}, bool sends_more = false)
      : stub_(channel) {
    if (!token.empty())
      context_.AddMetadata("authorization", "Bearer " + token);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(1)));
    call_ = stub_.PrepareCall(&context_, method, &queue_);
    call_->StartCall(Tag());
    if (!WaitForTag()) return;
    const grpc::Slice slice(request);
    grpc::WriteOptions options;
    if (!sends_more) options.set_last_message();
    call_->Write(grpc::ByteBuffer(&slice, 1), options, Tag());
    WaitForTag();
  }
  ~RawCall() {
    context_.TryCancel();
    if (!finished_) Finish();
    queue_.Shutdown();
    WaitForTag();
  }
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  // Waits for a response; nothing when there is no further one.
  std::optional<std::string> Next() {
    grpc::ByteBuffer response;
    call_->Read(&response, Tag());
    if (!WaitForTag()) return std::nullopt;
    std::vector<grpc::Slice> slices;
    response.Dump(&slices);
    std::string bytes;
    for (const grpc::Slice& slice : slices) {
      bytes.append(slice.begin(), slice.end());
    }
    return bytes;
  }
  // How the call has ended, once Next() has returned nothing.
  grpc::Status Finish() {
    grpc::Status status;
    finished_ = true;
    call_->Finish(&status, Tag());
    WaitForTag();
    return status;
  }

 private:
  void* Tag() { return this; }  // one operation at a time
  bool WaitForTag() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_RAW_CALL_H_
