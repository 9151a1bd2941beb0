#include "client/stream_keeper.h"

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
#include "client/proto_time.h"
#include "client/retry.h"
#include "client/security.h"
#include "client/service_config.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpc/grpc.h"
#include "grpc/support/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {
namespace {

// What the contract says of a stream that states no interval.
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(20);

bool IsOwnCancel(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::CANCELLED &&
         !GetErrorInfo(FromGrpcStatus(status)).has_value();
}

}  // namespace

gpr_timespec After(absl::Duration delay) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(delay), GPR_TIMESPAN));
}

absl::Status CheckConnection(const ConnectionOptions& options,
                             std::string_view name) {
  const auto invalid = [name](std::string_view what) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s", name, what));
  };
  if (options.target.empty()) return invalid("target must not be empty");
  if (options.backoff_initial <= absl::ZeroDuration() ||
      options.backoff_max < options.backoff_initial) {
    return invalid("backoff_initial must be above 0 and at most backoff_max");
  }
  if (options.connect_timeout <= absl::ZeroDuration()) {
    return invalid("connect_timeout must be above 0");
  }
  absl::Status status =
      CheckSecurity(options.security, options.target,
                    /*credentials=*/options.credentials != nullptr);
  if (status.ok()) status = CheckServiceConfig(options.service_config);
  return status.ok() ? status : invalid(std::string(status.message()));
}

bool TokenHasChanged(const ConnectionOptions& options, const std::string& token,
                     const absl::Status& status) {
  if (!absl::IsUnauthenticated(status) || token.empty()) return false;
  const absl::StatusOr<std::string> now =
      ReadToken(options.security.token_file);
  return now.ok() && *now != token;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(
    const ConnectionOptions& options) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = options.credentials;
  if (credentials == nullptr) {
    auto made = MakeCredentials(options.security);
    if (!made.ok()) return made.status();
    credentials = *std::move(made);
  }
  grpc::ChannelArguments args;
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
  SetServiceConfig(options.service_config, args);
  return grpc::CreateCustomChannel(options.target, credentials, args);
}

// One Subscribe call on one connection. At most one of its operations is in the
// completion queue at a time.
struct StreamKeeper::Stream {
  grpc::ClientContext context;
  std::string token;  // that is shown
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

StreamKeeper::StreamKeeper(ConnectionOptions options, OnRetry on_retry)
    : options_(std::move(options)),
      on_retry_(std::move(on_retry)),
      backoff_(options_.backoff_initial, options_.backoff_max) {}

StreamKeeper::~StreamKeeper() {
  Close();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void StreamKeeper::Stop() {
  if (stopping_.exchange(true)) return;
  wake_.Set(&queue_, After(absl::ZeroDuration()), &wake_);
}

void StreamKeeper::Close() {
  if (stream_ != nullptr) Finish().IgnoreError();
}

absl::StatusOr<v1::SubscribeResponse*> StreamKeeper::Next(
    const v1::SubscribeRequest& request) {
  while (!stopping_) {
    if (stream_ == nullptr) {
      const absl::Status opened = Open(request);
      // A file that was right before may be about to be replaced.
      if (!opened.ok() && !answered_) return opened;
      if (!opened.ok()) {
        WaitToRetry(opened, std::nullopt);
        continue;
      }
    }
    if (Read()) return &response_;
    const std::optional<v1::StreamEnd> end = stream_->end;
    const std::string token = stream_->token;
    absl::Status status = Finish();
    if (stopping_) break;
    if (end.has_value() && end->reason() == v1::END_REASON_CAUGHT_UP) break;
    if (!end.has_value() && status.ok()) {
      status = absl::UnavailableError("the stream ended without a reason");
    }
    if (!RetryMayMend(status, answered_) &&
        !TokenHasChanged(options_, token, status)) {
      return status;
    }
    WaitToRetry(status, end);
  }
  Close();
  return nullptr;
}

// Waits for the operation in flight, for Stop(), or for `deadline`.
StreamKeeper::Event StreamKeeper::Await(gpr_timespec deadline) {
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
bool StreamKeeper::Complete(gpr_timespec deadline) {
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

absl::Status StreamKeeper::Open(const v1::SubscribeRequest& request) {
  const auto channel = OpenChannel(options_);
  if (!channel.ok()) return channel.status();
  absl::StatusOr<std::string> token = ReadToken(options_.security.token_file);
  if (!token.ok()) return token.status();
  stream_ = std::make_unique<Stream>();
  stream_->silence_max = options_.connect_timeout;
  stream_->token = *std::move(token);
  AddToken(stream_->token, stream_->context);
  stream_->stub = v1::EnvelopeEventService::NewStub(*channel);
  stream_->reader =
      stream_->stub->PrepareAsyncSubscribe(&stream_->context, request, &queue_);
  return absl::OkStatus();
}

// Receives the next response into response_. False: the stream is over.
bool StreamKeeper::Read() {
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
absl::Status StreamKeeper::Finish() {
  const std::unique_ptr<Stream> stream = std::move(stream_);
  if (!stream->over) stream->context.TryCancel();
  grpc::Status status;
  stream->reader->Finish(&status, stream.get());
  while (Await(gpr_inf_future(GPR_CLOCK_MONOTONIC)) == Event::kStop) {
  }
  cut_off_ = stopping_ && stream->responses > 0 && !stream->end.has_value() &&
             !stream->timed_out && IsOwnCancel(status);
  if (!stream->timed_out) return FromGrpcStatus(status);
  return absl::DeadlineExceededError(absl::StrFormat(
      "no %s from %s within %s",
      stream->responses == 0 ? "response" : "further response", options_.target,
      absl::FormatDuration(stream->silence_max)));
}

// Waits until it is time to open another stream, or for Stop().
void StreamKeeper::WaitToRetry(const absl::Status& status,
                               const std::optional<v1::StreamEnd>& end) {
  absl::Duration delay = absl::ZeroDuration();
  if (end.has_value() && end->has_retry_delay()) {
    delay = FromProto(end->retry_delay());
  } else {
    delay = backoff_.Next(absl::Uniform(random_, 0.0, 1.0)) +
            GetRetryDelay(status).value_or(absl::ZeroDuration());
  }
  if (on_retry_) on_retry_(status, delay);
  if (!stopping_) Await(After(delay));
}

}  // namespace enveloperelay::client
