#include "server/grpc/event_service.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>
#include <spdlog/spdlog.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/grpc/calls.h"
#include "server/grpc/pooled_call.h"
#include "server/log/event_log.h"
#include "server/stream/errors.h"
#include "server/stream/filter.h"
#include "server/stream/listing.h"
#include "server/stream/lookup.h"
#include "server/stream/metrics.h"
#include "server/stream/request.h"
#include "server/stream/stream.h"

namespace enveloperelay {
namespace {

using WriteReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

// What every call here needs of the service.
struct CallEnvironment {
  EventLog& log;
  Calls& calls;
  CallPool& pool;
};

// Parses what a client sent, and lets go of the bytes: gRPC would keep them,
// and the buffer that they came in, for as long as the call is open.
template <typename Request>
absl::StatusOr<Request> Parse(const grpc::ByteBuffer* bytes) {
  Request request;
  if (!grpc::SerializationTraits<Request>::Deserialize(
           const_cast<grpc::ByteBuffer*>(bytes), &request)
           .ok()) {
    return FieldInvalidError(
        {{"request",
          "not a message of this method, or not UTF-8 in a string "
          "of it"}});
  }
  return request;
}

size_t FilterBytes(const ReadSpec& spec) {
  return spec.filter == nullptr ? 0 : spec.filter->memory_bytes();
}

// A stream that has failed before it began.
class FailedStream final : public WriteReactor {
 public:
  explicit FailedStream(const absl::Status& status) {
    Finish(ToGrpcStatus(status));
  }
  void OnDone() override { delete this; }
};

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context,
                                    const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// The call of a stream. It keeps itself alive until gRPC is done with it.
class SubscribeCall final : public WriteReactor,
                            public PooledCall,
                            private StreamCall {
 public:
  SubscribeCall(const CallEnvironment& environment, const Clock& clock,
                const StreamOptions& options, StreamMetrics& metrics,
                SubscribeSpec spec, grpc::CallbackServerContext* context)
      : PooledCall(environment.pool),
        calls_(environment.calls),
        metrics_(metrics),
        context_(context),
        stream_({.log = environment.log,
                 .clock = clock,
                 .options = options,
                 .metrics = metrics,
                 .steps = *this,
                 .call = *this},
                std::move(spec), Jitter()) {}

  void Begin(std::shared_ptr<SubscribeCall> self) {
    self_ = std::move(self);
    metrics_.AddStreams(1);
    StepSoon();
  }

  void OnWriteDone(bool ok) override {
    Post([this, ok] {
      response_.Clear();
      stream_.OnWritten(ok);
    });
  }
  void OnCancel() override {
    Post([this] { stream_.OnCancelled(); });
  }
  void OnDone() override {
    {
      const MutexLock lock(context_mutex_);
      context_ = nullptr;
    }
    metrics_.AddStreams(-1);
    Post([this] { StopSteps(); });
    calls_.Leave(this);
    self_.reset();
  }

 private:
  static double Jitter() {
    thread_local absl::InsecureBitGen random;
    return absl::Uniform(random, 0.0, 1.0);
  }

  void DoStep() override { stream_.Step(); }
  void DoDrain() override { stream_.OnDrain(); }

  void Write(grpc::ByteBuffer response) override {
    response_ = std::move(response);
    StartWrite(&response_);
  }
  void Finish(const absl::Status& status) override {
    if (absl::IsAborted(status) || absl::IsDataLoss(status)) {
      spdlog::warn("stream ended with {}: {}", ReasonOf(status),
                   std::string(status.message()));
    }
    WriteReactor::Finish(ToGrpcStatus(status));
  }
  void FinishCancelled() override {
    WriteReactor::Finish(grpc::Status::CANCELLED);
  }
  void Reset() override {
    const MutexLock lock(context_mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }

  Calls& calls_;
  StreamMetrics& metrics_;
  std::shared_ptr<SubscribeCall> self_;
  Mutex context_mutex_;
  // Null once gRPC is done with the call.
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(context_mutex_);
  grpc::ByteBuffer response_;
  Stream stream_;
};

// A unary call that runs on the pool. It keeps itself alive until gRPC is done
// with it.
class UnaryCall : public grpc::ServerUnaryReactor, public PooledCall {
 public:
  UnaryCall(const CallEnvironment& environment, grpc::ByteBuffer* response)
      : PooledCall(environment.pool),
        calls_(environment.calls),
        response_(response) {}

  void Begin(std::shared_ptr<UnaryCall> self) {
    self_ = std::move(self);
    StepSoon();
  }

  void OnDone() override {
    Post([this] { StopSteps(); });
    calls_.Leave(this);
    self_.reset();
  }

 protected:
  void Respond(absl::StatusOr<grpc::ByteBuffer> response) {
    const absl::Status status = response.status();
    if (status.ok()) *response_ = *std::move(response);
    Finish(ToGrpcStatus(status));
  }

 private:
  Calls& calls_;
  grpc::ByteBuffer* const response_;
  std::shared_ptr<UnaryCall> self_;
};

class ListEventsCall final : public UnaryCall, private ListCall {
 public:
  ListEventsCall(const CallEnvironment& environment, ListSpec spec,
                 grpc::ByteBuffer* response)
      : UnaryCall(environment, response),
        listing_({.log = environment.log, .steps = *this, .call = *this},
                 std::move(spec)) {}

  void OnCancel() override {
    Post([this] { listing_.OnCancelled(); });
  }

 private:
  void DoStep() override { listing_.Step(); }
  void DoDrain() override { listing_.OnDrain(); }

  void Finish(absl::StatusOr<grpc::ByteBuffer> response) override {
    Respond(std::move(response));
  }
  void FinishCancelled() override {
    ServerUnaryReactor::Finish(grpc::Status::CANCELLED);
  }

  Listing listing_;
};

class GetEventCall final : public UnaryCall {
 public:
  GetEventCall(const CallEnvironment& environment, v1::GetEventRequest request,
               grpc::ByteBuffer* response)
      : UnaryCall(environment, response),
        log_(environment.log),
        request_(std::move(request)) {}

 private:
  void DoStep() override { Respond(LookUpEvent(log_, request_)); }
  void DoDrain() override {}  // takes no time anyway

  EventLog& log_;
  const v1::GetEventRequest request_;
};

}  // namespace

EventService::EventService(const Options& options, EventLog& log,
                           const Clock& clock, prometheus::Registry& registry)
    : options_(options.stream),
      log_(log),
      clock_(clock),
      metrics_(registry),
      calls_(options.calls),
      pool_(options.threads, log.tail()) {}

WriteReactor* EventService::Subscribe(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request) {
  const auto fail = [this](const absl::Status& status) {
    metrics_.CountEnd(ReasonOf(status));
    return new FailedStream(status);
  };
  const absl::StatusOr<v1::SubscribeRequest> parsed =
      Parse<v1::SubscribeRequest>(request);
  if (!parsed.ok()) return fail(parsed.status());
  absl::StatusOr<SubscribeSpec> spec = CheckSubscribe(*parsed);
  if (!spec.ok()) return fail(spec.status());

  const size_t filter_bytes = FilterBytes(spec->read);
  const auto call = std::make_shared<SubscribeCall>(
      CallEnvironment{.log = log_, .calls = calls_, .pool = pool_}, clock_,
      options_, metrics_, *std::move(spec), context);
  const absl::Status entered =
      calls_.Enter(call, Calls::Kind::kStream, filter_bytes);
  if (!entered.ok()) return fail(entered);
  call->Begin(call);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::ListEvents(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  const absl::StatusOr<v1::ListEventsRequest> parsed =
      Parse<v1::ListEventsRequest>(request);
  if (!parsed.ok()) return FinishNow(context, parsed.status());
  absl::StatusOr<ListSpec> spec = CheckList(*parsed);
  if (!spec.ok()) return FinishNow(context, spec.status());

  const size_t filter_bytes = FilterBytes(spec->read);
  const auto call = std::make_shared<ListEventsCall>(
      CallEnvironment{.log = log_, .calls = calls_, .pool = pool_},
      *std::move(spec), response);
  const absl::Status entered =
      calls_.Enter(call, Calls::Kind::kUnary, filter_bytes);
  if (!entered.ok()) return FinishNow(context, entered);
  call->Begin(call);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::GetEvent(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  absl::StatusOr<v1::GetEventRequest> parsed =
      Parse<v1::GetEventRequest>(request);
  if (!parsed.ok()) return FinishNow(context, parsed.status());

  const auto call = std::make_shared<GetEventCall>(
      CallEnvironment{.log = log_, .calls = calls_, .pool = pool_},
      *std::move(parsed), response);
  const absl::Status entered =
      calls_.Enter(call, Calls::Kind::kUnary, /*filter_bytes=*/0);
  if (!entered.ok()) return FinishNow(context, entered);
  call->Begin(call);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::GetLog(
    grpc::CallbackServerContext* context, const v1::GetLogRequest* /*request*/,
    v1::GetLogResponse* response) {
  if (calls_.draining()) return FinishNow(context, DrainingError());
  *response = DescribeLog(log_.Bounds());
  return FinishNow(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* EventService::Acknowledge(
    grpc::CallbackServerContext* context,
    const v1::AcknowledgeRequest* /*request*/,
    v1::AcknowledgeResponse* /*response*/) {
  return FinishNow(context,
                   NotImplementedError("durable subscriptions, and with them "
                                       "Acknowledge, are not implemented yet"));
}

}  // namespace enveloperelay
