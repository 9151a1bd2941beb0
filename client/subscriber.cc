#include "enveloperelay/subscriber.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/retry.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/duration.pb.h"
#include "grpc/grpc.h"
#include "grpc/support/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {
namespace {

// Responses without events move the stored cursor no more often than this.
constexpr absl::Duration kStoreInterval = absl::Seconds(1);
// What the contract says of a stream that states no interval.
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(20);

absl::Duration FromProto(const google::protobuf::Duration& d) {
  return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
}

// Completion queues take a point in time; a monotonic one does not jump when
// the wall clock is set.
gpr_timespec After(absl::Duration delay) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(delay), GPR_TIMESPAN));
}

absl::Status CheckOptions(const SubscriberOptions& options) {
  const auto invalid = [](std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrFormat("SubscriberOptions: %s", what));
  };
  if (options.target.empty()) return invalid("target must not be empty");
  if (!options.request.subscription().empty() ||
      !options.request.worker_id().empty() ||
      options.request.max_outstanding_events() != 0) {
    return invalid(
        "request.subscription, worker_id and max_outstanding_events are for "
        "durable subscriptions; leave them unset");
  }
  if (options.backoff_initial <= absl::ZeroDuration() ||
      options.backoff_max < options.backoff_initial) {
    return invalid("backoff_initial must be above 0 and at most backoff_max");
  }
  if (options.connect_timeout <= absl::ZeroDuration()) {
    return invalid("connect_timeout must be above 0");
  }
  return absl::OkStatus();
}

grpc::ChannelArguments ChannelArgs(const SubscriberOptions& options) {
  grpc::ChannelArguments args;
  // A connection of its own, also when the process has others to the target.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(
      GRPC_ARG_KEEPALIVE_TIME_MS,
      static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_interval)));
  args.SetInt(
      GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
      static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_timeout)));
  // Pings between the relay's messages are not counted against a limit.
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetMaxReceiveMessageSize(options.receive_bytes_max);
  return args;
}

// One Subscribe call on one connection. At most one of its operations is in the
// completion queue at a time.
struct Stream {
  grpc::ClientContext context;
  std::unique_ptr<v1::EnvelopeEventService::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncReader<v1::SubscribeResponse>> reader;
  // Responses so far.
  uint64_t responses = 0;
  // Time allowed for the next one.
  absl::Duration silence_max;
  // Given by the last response of a planned end.
  std::optional<v1::StreamEnd> end;
  // No further message will come: only the status is left.
  bool over = false;
  bool timed_out = false;
};

}  // namespace

class Subscriber::Impl {
 public:
  explicit Impl(SubscriberOptions options)
      : options_(std::move(options)),
        backoff_(options_.backoff_initial, options_.backoff_max) {}

  ~Impl() {
    if (stream_ != nullptr) Close().IgnoreError();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  absl::StatusOr<const v1::SubscribeResponse*> Next();
  absl::Status Run(Handler handler);
  absl::Status Commit(std::string_view cursor);

  void Stop() {
    if (stopping_.exchange(true)) return;
    wake_.Set(&queue_, After(absl::ZeroDuration()), &wake_);
  }

 private:
  enum class Event : uint8_t { kDone, kFailed, kTimeout, kStop };

  Event Await(gpr_timespec deadline);
  bool Complete(gpr_timespec deadline);

  absl::Status Start();
  void Open();
  bool Read();
  absl::Status Close();
  void WaitToRetry(const absl::Status& status,
                   const std::optional<v1::StreamEnd>& end);
  absl::StatusOr<const v1::SubscribeResponse*> End(const absl::Status& status);

  absl::Status StorePosition(bool at_once);

  const SubscriberOptions options_;
  Backoff backoff_;
  absl::BitGen random_;

  bool started_ = false;
  bool answered_ = false;  // by any response so far
  std::optional<absl::Status> ended_;

  v1::SubscribeResponse response_;  // the one handed out
  std::string position_;            // its cursor: where to resume
  std::string stored_;              // what the store holds
  std::optional<std::chrono::steady_clock::time_point> store_time_;

  std::atomic<bool> stopping_ = false;
  grpc::CompletionQueue queue_;
  grpc::Alarm wake_;  // set once, by Stop()
  std::unique_ptr<Stream> stream_;
};

// Waits for the operation in flight, for Stop(), or for `deadline`.
Subscriber::Impl::Event Subscriber::Impl::Await(gpr_timespec deadline) {
  void* tag = nullptr;
  bool ok = false;
  const grpc::CompletionQueue::NextStatus next =
      queue_.AsyncNext(&tag, &ok, deadline);
  if (next != grpc::CompletionQueue::GOT_EVENT) return Event::kTimeout;
  if (tag == &wake_) return Event::kStop;
  return ok ? Event::kDone : Event::kFailed;
}

// Waits for the stream's operation in flight, which is cancelled at `deadline`
// and by Stop(). False: the stream is over.
bool Subscriber::Impl::Complete(gpr_timespec deadline) {
  Event event = Await(deadline);
  if (event == Event::kTimeout || event == Event::kStop) {
    stream_->timed_out = event == Event::kTimeout;
    stream_->context.TryCancel();
    do {
      event = Await(gpr_inf_future(GPR_CLOCK_MONOTONIC));
    } while (event == Event::kStop);
    stream_->over = true;
    return false;
  }
  stream_->over = event == Event::kFailed;
  return !stream_->over;
}

absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Impl::Next() {
  if (ended_.has_value()) return End(*ended_);
  absl::Status status =
      started_ ? StorePosition(response_.events_size() > 0) : Start();
  while (status.ok() && !stopping_) {
    if (stream_ == nullptr) Open();
    if (Read()) return &response_;
    const std::optional<v1::StreamEnd> end = stream_->end;
    status = Close();
    if (stopping_) break;
    if (end.has_value() && end->reason() == v1::END_REASON_CAUGHT_UP) {
      return End(absl::OkStatus());
    }
    if (!end.has_value() && status.ok()) {
      status = absl::UnavailableError("the stream ended without a reason");
    }
    if (!RetryMayMend(status, answered_)) break;
    WaitToRetry(status, end);
    status = absl::OkStatus();
  }
  return End(stopping_ ? absl::OkStatus() : status);
}

absl::Status Subscriber::Impl::Start() {
  if (absl::Status status = CheckOptions(options_); !status.ok()) return status;
  started_ = true;
  position_ = options_.request.cursor();
  if (options_.cursor_store == nullptr) return absl::OkStatus();
  absl::StatusOr<std::string> cursor = options_.cursor_store->Load();
  if (!cursor.ok()) return cursor.status();
  stored_ = *cursor;
  if (!cursor->empty()) position_ = *std::move(cursor);
  return absl::OkStatus();
}

void Subscriber::Impl::Open() {
  v1::SubscribeRequest request = options_.request;
  request.set_cursor(position_);
  stream_ = std::make_unique<Stream>();
  stream_->silence_max = options_.connect_timeout;
  stream_->stub = v1::EnvelopeEventService::NewStub(grpc::CreateCustomChannel(
      options_.target,
      options_.credentials != nullptr ? options_.credentials
                                      : grpc::InsecureChannelCredentials(),
      ChannelArgs(options_)));
  stream_->reader =
      stream_->stub->PrepareAsyncSubscribe(&stream_->context, request, &queue_);
}

// Receives the next response into response_. False: the stream is over.
bool Subscriber::Impl::Read() {
  const gpr_timespec deadline = After(stream_->silence_max);
  if (stream_->responses == 0) {
    stream_->reader->StartCall(stream_.get());
    if (!Complete(deadline)) return false;
  }
  stream_->reader->Read(&response_, stream_.get());
  if (!Complete(deadline)) return false;

  stream_->responses += 1;
  answered_ = true;
  if (stream_->responses > 1 || response_.events_size() > 0) backoff_.Reset();
  if (!response_.cursor().empty()) position_ = response_.cursor();
  if (response_.has_end()) stream_->end = response_.end();
  if (stream_->responses == 1) {
    const absl::Duration interval =
        FromProto(response_.info().heartbeat_interval());
    stream_->silence_max =
        2 * (interval > absl::ZeroDuration() ? interval : kHeartbeatInterval);
  }
  return true;
}

// Forgets the stream and returns the status that it ended with, after
// cancelling it if it is not over.
absl::Status Subscriber::Impl::Close() {
  const std::unique_ptr<Stream> stream = std::move(stream_);
  if (!stream->over) stream->context.TryCancel();
  grpc::Status status;
  stream->reader->Finish(&status, stream.get());
  while (Await(gpr_inf_future(GPR_CLOCK_MONOTONIC)) == Event::kStop) {
  }
  if (!stream->timed_out) return FromGrpcStatus(status);
  return absl::DeadlineExceededError(absl::StrFormat(
      "no %s from %s within %s",
      stream->responses == 0 ? "response" : "further response", options_.target,
      absl::FormatDuration(stream->silence_max)));
}

// Waits until it is time to open another stream, or for Stop().
void Subscriber::Impl::WaitToRetry(const absl::Status& status,
                                   const std::optional<v1::StreamEnd>& end) {
  absl::Duration delay = absl::ZeroDuration();
  if (end.has_value() && end->has_retry_delay()) {
    delay = FromProto(end->retry_delay());
  } else {
    delay = backoff_.Next(absl::Uniform(random_, 0.0, 1.0)) +
            GetRetryDelay(status).value_or(absl::ZeroDuration());
  }
  if (options_.on_retry) options_.on_retry(status, delay);
  if (!stopping_) Await(After(delay));
}

// The subscriber has ended: what Next() returns from now on.
absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Impl::End(
    const absl::Status& status) {
  if (!ended_.has_value()) {
    if (stream_ != nullptr) Close().IgnoreError();
    const absl::Status stored = StorePosition(/*at_once=*/true);
    ended_ = status.ok() ? stored : status;
  }
  if (!ended_->ok()) return *ended_;
  return nullptr;
}

absl::Status Subscriber::Impl::StorePosition(bool at_once) {
  const auto now = std::chrono::steady_clock::now();
  if (!at_once && store_time_.has_value() &&
      now - *store_time_ < absl::ToChronoNanoseconds(kStoreInterval)) {
    return absl::OkStatus();
  }
  store_time_ = now;
  return Commit(position_);
}

absl::Status Subscriber::Impl::Commit(std::string_view cursor) {
  if (options_.cursor_store == nullptr || cursor.empty() || cursor == stored_) {
    return absl::OkStatus();
  }
  absl::Status status = options_.cursor_store->Store(cursor);
  if (status.ok()) stored_ = cursor;
  return status;
}

absl::Status Subscriber::Impl::Run(Handler handler) {
  while (true) {
    std::string handled = position_;
    const absl::StatusOr<const v1::SubscribeResponse*> response = Next();
    if (!response.ok()) return response.status();
    if (*response == nullptr) return absl::OkStatus();
    for (const v1::EnvelopeEvent& event : (*response)->events()) {
      const bool stop = stopping_;
      const absl::Status status = stop ? absl::OkStatus() : handler(event);
      if (stop || !status.ok()) {
        position_ = std::move(handled);
        return End(status).status();
      }
      handled = event.cursor();
    }
  }
}

Subscriber::Subscriber(SubscriberOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Subscriber::~Subscriber() = default;

absl::StatusOr<const v1::SubscribeResponse*> Subscriber::Next() {
  return impl_->Next();
}

absl::Status Subscriber::Run(Handler handler) { return impl_->Run(handler); }

absl::Status Subscriber::Commit(std::string_view cursor) {
  return impl_->Commit(cursor);
}

void Subscriber::Stop() { impl_->Stop(); }

}  // namespace enveloperelay::client
