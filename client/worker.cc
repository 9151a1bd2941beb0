#include "enveloperelay/worker.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/hand_back.h"
#include "client/leases.h"
#include "client/mutex.h"
#include "client/proto_time.h"
#include "client/retry.h"
#include "client/security.h"
#include "client/stream_keeper.h"
#include "client/workload.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/client_context.h"

namespace enveloperelay::client {
namespace {

constexpr int kConcurrencyMax = 1024;
constexpr uint32_t kOutstandingEventsMax = 100'000;
// After a stop nobody starts another worker of the same name within this.
constexpr std::chrono::seconds kSuccessorTime(2);
// How long one call that settles may take.
constexpr absl::Duration kAcknowledgeTimeout = absl::Seconds(10);

SteadyTime Now() { return std::chrono::steady_clock::now(); }

absl::Status CheckOptions(const WorkerOptions& options) {
  const auto invalid = [](std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrFormat("WorkerOptions: %s", what));
  };
  if (options.subscription.empty()) {
    return invalid("subscription must not be empty");
  }
  if (options.concurrency < 1 || options.concurrency > kConcurrencyMax) {
    return invalid(
        absl::StrFormat("concurrency must be from 1 to %d", kConcurrencyMax));
  }
  if (options.max_outstanding_events < 1 ||
      options.max_outstanding_events > kOutstandingEventsMax) {
    return invalid(absl::StrFormat(
        "max_outstanding_events must be from 1 to %u", kOutstandingEventsMax));
  }
  for (const absl::Duration duration :
       {options.heartbeat_interval, options.stop_timeout}) {
    if (duration < absl::ZeroDuration() || duration > absl::Hours(24)) {
      return invalid(
          "heartbeat_interval and stop_timeout must be from 0 to 24 hours");
    }
  }
  return CheckConnection(ConnectionOptions::Of(options), "WorkerOptions");
}

std::string RandomWorkerId() {
  absl::BitGen random;
  return absl::StrFormat("worker-%016x", absl::Uniform<uint64_t>(random));
}

// A file that was right when the stream began may be about to be replaced.
absl::Status Passing(const absl::Status& status) {
  return absl::UnavailableError(std::string(status.message()));
}

v1::SubscribeRequest RequestOf(const WorkerOptions& options) {
  v1::SubscribeRequest request;
  request.set_subscription(options.subscription);
  request.set_worker_id(options.worker_id.empty() ? RandomWorkerId()
                                                  : options.worker_id);
  request.set_max_outstanding_events(options.max_outstanding_events);
  request.set_view(options.view);
  request.set_max_batch_events(options.max_batch_events);
  request.set_max_batch_bytes(options.max_batch_bytes);
  if (options.heartbeat_interval != absl::ZeroDuration()) {
    *request.mutable_heartbeat_interval() = ToProto(options.heartbeat_interval);
  }
  return request;
}

}  // namespace

// The caller of Run() reads the stream, `concurrency` threads handle events,
// and one settles: it has at most one Acknowledge call on its way, and what
// comes up meanwhile gathers for the next. What they do is decided by the
// Workload, under the mutex.
class Worker::Impl {
 public:
  explicit Impl(WorkerOptions options)
      : options_(std::move(options)),
        checked_(CheckOptions(options_)),
        connection_(ConnectionOptions::Of(options_)),
        request_(RequestOf(options_)),
        workload_(options_.subscription),
        keeper_(connection_,
                [this](const absl::Status& status, absl::Duration delay) {
                  LoseStream(status, delay);
                }) {}

  ~Impl() {
    for (std::thread& thread : handler_threads_) thread.join();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  absl::Status Run(AttemptHandler handler) ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  WorkerCounts counts() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return workload_.counts();
  }

 private:
  absl::Status ReadStream() ABSL_LOCKS_EXCLUDED(mutex_);
  void Take(v1::SubscribeResponse& response) ABSL_LOCKS_EXCLUDED(mutex_);
  void LoseStream(const absl::Status& status, absl::Duration delay)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status End(const absl::Status& status, SteadyTime deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void HandBack(SteadyTime end_time, SteadyTime deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);

  void HandleEvents() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Workload::Task> NextTask() ABSL_LOCKS_EXCLUDED(mutex_);

  void SettleResults() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Leases::Batch> NextBatch() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Acknowledge(const v1::AcknowledgeRequest& request,
                           v1::AcknowledgeResponse& response)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Answered(const Leases::Batch& batch,
                const v1::AcknowledgeResponse& response)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void TryAgain(const Leases::Batch& batch, const absl::Status& status,
                absl::Duration delay) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveUp(const Leases::Batch& batch, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  void ReportRetry(const absl::Status& status, absl::Duration delay)
      ABSL_LOCKS_EXCLUDED(callback_mutex_);
  void ReportLate(const std::vector<LateSettlement>& late)
      ABSL_LOCKS_EXCLUDED(callback_mutex_);

  const WorkerOptions options_;
  const absl::Status checked_;  // the options
  const ConnectionOptions connection_;
  const v1::SubscribeRequest request_;
  AttemptHandler handler_;  // set before there are threads

  Mutex callback_mutex_;  // one callback at a time; never under mutex_

  mutable Mutex mutex_;
  CondVar work_;     // there may be an event to handle, or no more ever
  CondVar settle_;   // there may be something to tell, or no more ever
  CondVar settled_;  // the workload may be empty
  Workload workload_ ABSL_GUARDED_BY(mutex_);
  bool ran_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more is started
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;     // nothing more is told
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);   // of a call that settles
  // The call on its way, to be cancelled.
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;

  // Of the settling thread. Null: to be made, with a new connection.
  std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
  std::string token_;  // that was shown last

  StreamKeeper keeper_;
  std::vector<std::thread> handler_threads_;
};

absl::Status Worker::Impl::Run(AttemptHandler handler) {
  {
    const MutexLock lock(mutex_);
    if (ran_) return absl::FailedPreconditionError("Run() was called before");
    ran_ = true;
  }
  if (!checked_.ok()) return checked_;
  handler_ = std::move(handler);
  std::thread settling_thread([this] { SettleResults(); });
  for (int i = 0; i < options_.concurrency; ++i) {
    handler_threads_.emplace_back([this] { HandleEvents(); });
  }
  const absl::Status read = ReadStream();
  const SteadyTime end_time = Now();
  const SteadyTime deadline =
      end_time + absl::ToChronoNanoseconds(options_.stop_timeout);
  absl::Status status = End(read, deadline);
  settling_thread.join();
  if (status.ok()) HandBack(end_time, deadline);
  return status;
}

void Worker::Impl::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyAll();
  }
  keeper_.Stop();
}

absl::Status Worker::Impl::ReadStream() {
  while (true) {
    const absl::StatusOr<v1::SubscribeResponse*> response =
        keeper_.Next(request_);
    if (!response.ok()) return response.status();
    if (*response == nullptr) return absl::OkStatus();
    Take(**response);
  }
}

void Worker::Impl::Take(v1::SubscribeResponse& response) {
  if (response.has_gap() && options_.on_gap) {
    const MutexLock lock(callback_mutex_);
    options_.on_gap(response.gap());
  }
  const MutexLock lock(mutex_);
  workload_.Take(response, Now());
  // The relay still listens, and what it gets back costs no attempt.
  if (response.has_end()) workload_.ReleaseWaiting();
  work_.NotifyAll();
  settle_.NotifyAll();
}

// The next stream takes over what this one had, so that comes again.
void Worker::Impl::LoseStream(const absl::Status& status,
                              absl::Duration delay) {
  {
    const MutexLock lock(mutex_);
    workload_.DropWaiting();
  }
  ReportRetry(status, delay);
}

// Lets the handlers that run finish and all results be told, as far as there is
// time until `deadline`. `status`: with what the stream ended.
absl::Status Worker::Impl::End(const absl::Status& status,
                               SteadyTime deadline) {
  Stop();
  size_t running_count = 0;
  bool empty = false;
  absl::Status refusal;
  {
    const MutexLock lock(mutex_);
    // A relay that refuses the stream does not want anything back.
    if (status.ok()) {
      workload_.ReleaseWaiting();
    } else {
      workload_.DropWaiting();
    }
    settle_.NotifyAll();
    while (!workload_.empty() && Now() < deadline) {
      settled_.WaitUntil(mutex_, deadline);
    }
    ended_ = true;
    if (call_ != nullptr) call_->TryCancel();
    settle_.NotifyAll();
    empty = workload_.empty();
    running_count = workload_.running_count();
    refusal = refusal_;
  }
  if (!status.ok()) return status;
  if (!refusal.ok()) return refusal;
  if (empty) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrFormat(
      "the stop_timeout of %s is over: %u handlers still run, and what is not "
      "settled is left to its lease",
      absl::FormatDuration(options_.stop_timeout), running_count));
}

// Gives back what was on its way on the stream, which Stop() had cancelled at
// `end_time`. All that the worker knew of is settled.
void Worker::Impl::HandBack(SteadyTime end_time, SteadyTime deadline) {
  // A stream that the relay has ended may have a successor in another process.
  if (!keeper_.cut_off()) return;
  {
    // Those leases may have ended by themselves while handlers ran.
    const MutexLock lock(mutex_);
    if (Now() >= end_time + workload_.lease_length()) return;
  }
  // Nor must one be put out that has been started meanwhile under this name.
  if (!options_.worker_id.empty() && Now() >= end_time + kSuccessorTime) return;
  const auto channel = OpenChannel(connection_);
  if (!channel.ok()) return;
  const absl::StatusOr<std::string> token =
      ReadToken(connection_.security.token_file);
  if (!token.ok()) return;
  client::HandBack(*channel, request_, *token,
                   absl::FromChrono(deadline - Now()));
}

void Worker::Impl::HandleEvents() {
  while (const std::optional<Workload::Task> task = NextTask()) {
    const Handled handled = handler_(task->event, task->attempt);
    const MutexLock lock(mutex_);
    workload_.Finish(*task, handled);
    settle_.NotifyAll();
  }
}

// Waits for an event to handle. Nothing: the worker stops.
std::optional<Workload::Task> Worker::Impl::NextTask() {
  const MutexLock lock(mutex_);
  while (!stopping_) {
    std::optional<Workload::Task> task = workload_.Start(Now());
    if (task.has_value()) return task;
    work_.Wait(mutex_);
  }
  return std::nullopt;
}

void Worker::Impl::SettleResults() {
  Backoff backoff(options_.backoff_initial, options_.backoff_max);
  absl::BitGen random;
  while (const std::optional<Leases::Batch> batch = NextBatch()) {
    v1::AcknowledgeResponse response;
    const absl::Status status = Acknowledge(batch->request, response);
    if (status.ok()) {
      backoff.Reset();
      Answered(*batch, response);
    } else if (RetryMayMend(status, /*answered=*/true) ||
               TokenHasChanged(connection_, token_, status)) {
      TryAgain(*batch, status,
               backoff.Next(absl::Uniform(random, 0.0, 1.0)) +
                   GetRetryDelay(status).value_or(absl::ZeroDuration()));
    } else {
      GiveUp(*batch, status);
    }
  }
}

// Waits until there is something to tell. Nothing: the worker has ended.
std::optional<Leases::Batch> Worker::Impl::NextBatch() {
  const MutexLock lock(mutex_);
  while (!ended_) {
    const SteadyTime now = Now();
    const SteadyTime due = workload_.NextDue();
    if (due <= now) return workload_.TakeBatch(now);
    settle_.WaitUntil(mutex_, due);
  }
  return std::nullopt;
}

absl::Status Worker::Impl::Acknowledge(const v1::AcknowledgeRequest& request,
                                       v1::AcknowledgeResponse& response) {
  if (stub_ == nullptr) {
    const auto channel = OpenChannel(connection_);
    if (!channel.ok()) return Passing(channel.status());
    stub_ = v1::EnvelopeEventService::NewStub(*channel);
  }
  absl::StatusOr<std::string> token =
      ReadToken(connection_.security.token_file);
  if (!token.ok()) return Passing(token.status());
  token_ = *std::move(token);
  grpc::ClientContext context;
  AddToken(token_, context);
  context.set_deadline(
      After(std::min(kAcknowledgeTimeout, options_.connect_timeout)));
  {
    const MutexLock lock(mutex_);
    call_ = &context;
    if (ended_) context.TryCancel();
  }
  absl::Status status =
      FromGrpcStatus(stub_->Acknowledge(&context, request, &response));
  const MutexLock lock(mutex_);
  call_ = nullptr;
  // What is not the relay's own error is the connection's, which is left
  // behind.
  if (!status.ok() && !GetErrorInfo(status).has_value()) stub_ = nullptr;
  return status;
}

void Worker::Impl::Answered(const Leases::Batch& batch,
                            const v1::AcknowledgeResponse& response) {
  std::vector<LateSettlement> late;
  {
    const MutexLock lock(mutex_);
    late = workload_.Answer(batch, response);
    settled_.NotifyAll();
  }
  ReportLate(late);
}

// Gives the settlements back, and waits for `delay` or the end of the worker.
void Worker::Impl::TryAgain(const Leases::Batch& batch,
                            const absl::Status& status, absl::Duration delay) {
  std::vector<LateSettlement> late;
  {
    const MutexLock lock(mutex_);
    late = workload_.GiveBack(batch, Now());
    settled_.NotifyAll();
    if (ended_) return;
  }
  ReportLate(late);
  ReportRetry(status, delay);
  const SteadyTime until = Now() + absl::ToChronoNanoseconds(delay);
  const MutexLock lock(mutex_);
  while (!ended_ && Now() < until) settle_.WaitUntil(mutex_, until);
}

// The relay refuses to hear of it, now and later: the worker ends.
void Worker::Impl::GiveUp(const Leases::Batch& batch,
                          const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    workload_.Forget(batch);
    if (refusal_.ok()) refusal_ = status;
    settled_.NotifyAll();
  }
  Stop();
}

void Worker::Impl::ReportRetry(const absl::Status& status,
                               absl::Duration delay) {
  if (!options_.on_retry) return;
  const MutexLock lock(callback_mutex_);
  options_.on_retry(status, delay);
}

void Worker::Impl::ReportLate(const std::vector<LateSettlement>& late) {
  if (!options_.on_late) return;
  const MutexLock lock(callback_mutex_);
  for (const LateSettlement& one : late) {
    options_.on_late(one.settlement, one.status);
  }
}

Worker::Worker(WorkerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Worker::~Worker() = default;

absl::Status Worker::Run(Handler handler) {
  return Run([handler = std::move(handler)](const v1::EnvelopeEvent& event,
                                            uint32_t /*attempt*/) {
    return handler(event);
  });
}

absl::Status Worker::Run(AttemptHandler handler) {
  return impl_->Run(std::move(handler));
}

void Worker::Stop() { impl_->Stop(); }

WorkerCounts Worker::counts() const { return impl_->counts(); }

}  // namespace enveloperelay::client
