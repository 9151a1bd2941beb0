#include "server/grpc/event_service.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/registry.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/calls.h"
#include "server/grpc/management_call.h"
#include "server/grpc/pooled_call.h"
#include "server/grpc/unary_call.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/filter.h"
#include "server/stream/listing.h"
#include "server/stream/log_source.h"
#include "server/stream/lookup.h"
#include "server/stream/metrics.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"
#include "server/stream/stream.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/management.h"
#include "server/subscriptions/subscriptions.h"
#include "server/subscriptions/worker_source.h"

namespace enveloperelay {
namespace {

using WriteReactor = grpc::ServerWriteReactor<grpc::ByteBuffer>;

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

std::string RandomWorkerId() {
  thread_local absl::BitGen random;
  return absl::StrCat(
      "worker-", absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
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

// The call of a stream. It keeps itself alive until gRPC is done with it.
class SubscribeCall final : public WriteReactor,
                            public PooledCall,
                            private StreamCall {
 public:
  // `make_source` is given what steps the stream.
  SubscribeCall(const CallEnvironment& environment, const Clock& clock,
                const StreamOptions& options, StreamMetrics& metrics,
                absl::Duration heartbeat_interval, CallRight right,
                grpc::CallbackServerContext* context,
                absl::FunctionRef<std::unique_ptr<StreamSource>(StepScheduler&)>
                    make_source)
      : PooledCall(environment.pool),
        calls_(environment.calls),
        metrics_(metrics),
        right_(std::move(right)),
        context_(context),
        stream_({.clock = clock,
                 .options = options,
                 .metrics = metrics,
                 .steps = *this,
                 .call = *this},
                make_source(*this), heartbeat_interval, Jitter()) {}

  void Begin(std::shared_ptr<SubscribeCall> self) {
    self_ = std::move(self);
    metrics_.AddStreams(1);
    StepSoon();
  }

  void OnWriteDone(bool ok) override {
    // Freed by the pool: that is nothing to hold up gRPC's thread with.
    const auto sent = std::make_shared<grpc::ByteBuffer>();
    {
      const MutexLock lock(write_mutex_);
      sent->Swap(&response_);
      writing_ = ok && !finishing_ && next_response_.Valid();
      if (writing_) {
        // Here, so that the next response does not wait for the pool.
        response_.Swap(&next_response_);
        StartWrite(&response_);
      }
    }
    Post([this, ok, sent] {
      sent->Clear();
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
  void DoEnd(const absl::Status& status) override {
    stream_.OnWithdrawn(status);
  }

  void Write(grpc::ByteBuffer response) override {
    const MutexLock lock(write_mutex_);
    next_response_ = std::move(response);
    if (std::exchange(writing_, true)) return;
    response_.Swap(&next_response_);
    StartWrite(&response_);
  }
  int Finish(const absl::Status& status) override {
    if (absl::IsAborted(status) || absl::IsDataLoss(status) ||
        absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) {
      LogWarning("stream ended",
                 {{LogKey::kReason, ReasonOf(status)},
                  {LogKey::kDetail, std::string(status.message())},
                  {LogKey::kPrincipal, right_.caller.principal},
                  {LogKey::kSubscription, right_.subscription}});
    }
    return EndWrites(ToGrpcStatus(status));
  }
  int FinishCancelled() override { return EndWrites(grpc::Status::CANCELLED); }
  int EndWrites(const grpc::Status& status) {
    const MutexLock lock(write_mutex_);
    finishing_ = true;
    const int dropped = next_response_.Valid() ? 1 : 0;
    next_response_.Clear();
    WriteReactor::Finish(status);
    return dropped;
  }
  void Reset() override {
    const MutexLock lock(context_mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }

  Calls& calls_;
  StreamMetrics& metrics_;
  const CallRight right_;
  std::shared_ptr<SubscribeCall> self_;
  Mutex context_mutex_;
  // Null once gRPC is done with the call.
  grpc::CallbackServerContext* context_ ABSL_GUARDED_BY(context_mutex_);
  // gRPC does not call back from within StartWrite and Finish, so they are
  // called under it: no write begins after the end.
  Mutex write_mutex_;
  bool writing_ ABSL_GUARDED_BY(write_mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(write_mutex_) = false;
  grpc::ByteBuffer response_ ABSL_GUARDED_BY(write_mutex_);
  // Goes out when response_ has.
  grpc::ByteBuffer next_response_ ABSL_GUARDED_BY(write_mutex_);
  Stream stream_;
};

// A unary call that answers with bytes.
class RawUnaryCall : public UnaryCall {
 public:
  RawUnaryCall(const CallEnvironment& environment, grpc::ByteBuffer* response)
      : UnaryCall(environment), response_(response) {}

 protected:
  void Respond(absl::StatusOr<grpc::ByteBuffer> response) {
    const absl::Status status = response.status();
    if (status.ok()) *response_ = *std::move(response);
    UnaryCall::Finish(ToGrpcStatus(status));
  }

 private:
  grpc::ByteBuffer* const response_;
};

class ListEventsCall final : public RawUnaryCall, private ListCall {
 public:
  ListEventsCall(const CallEnvironment& environment, ListSpec spec,
                 grpc::ByteBuffer* response)
      : RawUnaryCall(environment, response),
        listing_({.log = environment.log, .steps = *this, .call = *this},
                 std::move(spec)) {}

  void OnCancel() override {
    Post([this] { listing_.OnCancelled(); });
  }

 private:
  void DoStep() override { listing_.Step(); }
  void DoDrain() override { listing_.OnDrain(); }
  void DoEnd(const absl::Status& status) override {
    listing_.OnWithdrawn(status);
  }

  void Finish(absl::StatusOr<grpc::ByteBuffer> response) override {
    Respond(std::move(response));
  }
  void FinishCancelled() override {
    ServerUnaryReactor::Finish(grpc::Status::CANCELLED);
  }

  Listing listing_;
};

class GetEventCall final : public RawUnaryCall {
 public:
  GetEventCall(const CallEnvironment& environment, v1::GetEventRequest request,
               grpc::ByteBuffer* response)
      : RawUnaryCall(environment, response),
        log_(environment.log),
        request_(std::move(request)) {}

 private:
  void DoStep() override { Respond(LookUpEvent(log_, request_)); }
  void DoDrain() override {}  // takes no time anyway

  EventLog& log_;
  const v1::GetEventRequest request_;
};

}  // namespace

EventService::EventService(StreamOptions options,
                           const CallEnvironment& environment,
                           const Clock& clock, Subscriptions& subscriptions,
                           Management& management,
                           prometheus::Registry& registry)
    : options_(std::move(options)),
      environment_(environment),
      clock_(clock),
      subscriptions_(subscriptions),
      management_(management),
      metrics_(environment.log.Bounds().latest, registry) {}

std::unique_ptr<StreamSource> EventService::MakeSource(SubscribeSpec spec,
                                                       const Peer& peer,
                                                       StepScheduler& steps) {
  const BatchLimits limits{.events_max = spec.batch_events_max,
                           .bytes_max = spec.batch_bytes_max};
  if (!spec.worker.has_value()) {
    return std::make_unique<LogSource>(std::move(spec.read), limits,
                                       spec.until_caught_up, environment_.log,
                                       positions_);
  }
  WorkerSpec worker{.worker_id = spec.worker->worker_id,
                    .peer = peer.address,
                    .principal = peer.principal,
                    .view = spec.read.view,
                    .batch = limits,
                    .outstanding_max = spec.worker->outstanding_max};
  if (worker.worker_id.empty()) worker.worker_id = RandomWorkerId();
  return std::make_unique<WorkerSource>(spec.worker->subscription,
                                        std::move(worker), subscriptions_,
                                        environment_.log, steps);
}

WriteReactor* EventService::Subscribe(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request) {
  CallRight right = {.caller = {}, .method = Method::kSubscribe};
  const auto fail = [&](const absl::Status& status) {
    environment_.guard.Refused(*context, right.method, status);
    metrics_.CountEnd(ReasonOf(status));
    return new FailedStream(status);
  };
  // Before anything that a stranger sent is looked at.
  absl::StatusOr<Caller> caller = environment_.guard.Identify(*context);
  if (!caller.ok()) return fail(caller.status());
  right.caller = *std::move(caller);
  const absl::StatusOr<v1::SubscribeRequest> parsed =
      Parse<v1::SubscribeRequest>(request);
  if (!parsed.ok()) return fail(parsed.status());
  right.subscription = parsed->subscription();
  if (!right.subscription.empty()) right.method = Method::kConsume;
  const absl::Status allowed = environment_.guard.Check(right);
  if (!allowed.ok()) return fail(allowed);
  absl::StatusOr<SubscribeSpec> spec = CheckSubscribe(*parsed);
  if (!spec.ok()) return fail(spec.status());

  const size_t filter_bytes = FilterBytes(spec->read);
  const absl::Duration heartbeat_interval = spec->heartbeat_interval;
  const Peer peer = {.address = context->peer(),
                     .principal = right.caller.principal};
  const auto call = std::make_shared<SubscribeCall>(
      environment_, clock_, options_, metrics_, heartbeat_interval, right,
      context, [&](StepScheduler& steps) {
        return MakeSource(*std::move(spec), peer, steps);
      });
  const absl::Status entered =
      environment_.calls.Enter(call, Calls::Kind::kStream, filter_bytes, right);
  if (!entered.ok()) return fail(entered);
  // What has been withdrawn since may have been looked for among the calls that
  // were in, and from now on it will be.
  const absl::Status still_allowed = environment_.guard.Check(right);
  call->Begin(call);
  if (!still_allowed.ok()) call->End(still_allowed);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::ListEvents(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  const absl::StatusOr<CallRight> right =
      environment_.guard.Admit(*context, Method::kListEvents, "");
  if (!right.ok()) {
    return Refuse(environment_.guard, context, Method::kListEvents,
                  right.status());
  }
  const absl::StatusOr<v1::ListEventsRequest> parsed =
      Parse<v1::ListEventsRequest>(request);
  if (!parsed.ok()) return FinishNow(context, parsed.status());
  absl::StatusOr<ListSpec> spec = CheckList(*parsed);
  if (!spec.ok()) return FinishNow(context, spec.status());

  const size_t filter_bytes = FilterBytes(spec->read);
  const auto call = std::make_shared<ListEventsCall>(
      environment_, *std::move(spec), response);
  const absl::Status entered =
      environment_.calls.Enter(call, Calls::Kind::kRead, filter_bytes, *right);
  if (!entered.ok()) {
    return Refuse(environment_.guard, context, Method::kListEvents, entered);
  }
  const absl::Status still_allowed = environment_.guard.Check(*right);
  call->Begin(call);
  if (!still_allowed.ok()) call->End(still_allowed);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::GetEvent(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  absl::StatusOr<CallRight> right =
      environment_.guard.Admit(*context, Method::kGetEvent, "");
  if (!right.ok()) {
    return Refuse(environment_.guard, context, Method::kGetEvent,
                  right.status());
  }
  absl::StatusOr<v1::GetEventRequest> parsed =
      Parse<v1::GetEventRequest>(request);
  if (!parsed.ok()) return FinishNow(context, parsed.status());

  const auto call = std::make_shared<GetEventCall>(
      environment_, *std::move(parsed), response);
  const absl::Status entered = environment_.calls.Enter(
      call, Calls::Kind::kRead, /*filter_bytes=*/0, *std::move(right));
  if (!entered.ok()) {
    return Refuse(environment_.guard, context, Method::kGetEvent, entered);
  }
  call->Begin(call);
  return call.get();
}

grpc::ServerUnaryReactor* EventService::GetLog(
    grpc::CallbackServerContext* context, const v1::GetLogRequest* /*request*/,
    v1::GetLogResponse* response) {
  const absl::Status allowed =
      environment_.guard.Admit(*context, Method::kGetLog, "").status();
  if (!allowed.ok()) {
    return Refuse(environment_.guard, context, Method::kGetLog, allowed);
  }
  if (environment_.calls.draining()) return FinishNow(context, DrainingError());
  *response = DescribeLog(environment_.log.Bounds());
  return FinishNow(context, absl::OkStatus());
}

grpc::ServerUnaryReactor* EventService::Acknowledge(
    grpc::CallbackServerContext* context, const v1::AcknowledgeRequest* request,
    v1::AcknowledgeResponse* response) {
  return StartManagementCall(environment_, management_, context,
                             Method::kAcknowledge, request->subscription(),
                             request, response);
}

uint64_t EventService::Backlog() const {
  const std::optional<Sequence> hindmost = positions_.Hindmost();
  return hindmost.has_value() ? environment_.log.Bounds().CountAfter(*hindmost)
                              : 0;
}

}  // namespace enveloperelay
