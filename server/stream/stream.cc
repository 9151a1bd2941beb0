#include "server/stream/stream.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/metrics.h"
#include "server/stream/proto_time.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {
namespace {

// Of a response, beside events and `info`: cursor (30 bytes), backlog (11),
// server_time (19), gap (24), end (23), with some to spare.
constexpr size_t kTrailerBytesMax = 160;

// Streams end at their age times 1 - kAgeSpread to 1 + kAgeSpread.
constexpr double kAgeSpread = 0.2;

// Heartbeats go out this part of the interval early, so that they arrive within
// it.
constexpr double kHeartbeatLead = 0.05;

// How long a client that was too slow may take to read why its call has ended,
// before the call is broken off.
constexpr absl::Duration kStallGraceMax = absl::Minutes(1);

// When to return after a planned end: to another replica at once, but not all
// at once; to this one when it may be up again.
constexpr absl::Duration kMaxAgeRetryMax = absl::Seconds(1);
constexpr absl::Duration kDrainRetryMin = absl::Milliseconds(500);
constexpr absl::Duration kDrainRetryMax = absl::Seconds(3);

SteadyTime After(SteadyTime now, absl::Duration duration) {
  return now + absl::ToChronoNanoseconds(duration);
}

}  // namespace

Stream::Stream(const Environment& environment, SubscribeSpec spec,
               double jitter)
    : log_(environment.log),
      clock_(environment.clock),
      options_(environment.options),
      metrics_(environment.metrics),
      steps_(environment.steps),
      call_(environment.call),
      reader_(std::move(spec.read), log_),
      batch_events_max_(spec.batch_events_max),
      batch_bytes_max_(spec.batch_bytes_max),
      heartbeat_interval_(spec.heartbeat_interval),
      until_caught_up_(spec.until_caught_up),
      jitter_(jitter) {}

void Stream::Step() {
  const SteadyTime now = steps_.Now();
  if (writing_ && !cancelled_) {
    if (now >= stall_due_) {
      EndStalled(now);
    } else {
      steps_.StepAt(stall_due_);
    }
    return;
  }
  if (finished_) return;
  if (cancelled_) {
    FinishCancelled();
  } else if (end_ == v1::END_REASON_CAUGHT_UP) {
    Finish(absl::OkStatus(), kEndCaughtUp);
  } else if (end_ == v1::END_REASON_SERVER_DRAINING) {
    Finish(absl::OkStatus(), kEndDraining);
  } else if (end_ == v1::END_REASON_MAX_AGE) {
    Finish(absl::OkStatus(), kEndMaxAge);
  } else if (!started_) {
    Start();
  } else if (draining_) {
    WriteEnd(v1::END_REASON_SERVER_DRAINING);
  } else if (now >= age_due_) {
    WriteEnd(v1::END_REASON_MAX_AGE);
  } else {
    Deliver(now);
  }
}

void Stream::OnWritten(bool ok) {
  writing_ = false;
  if (!ok) cancelled_ = true;
  Step();
}

void Stream::OnCancelled() {
  cancelled_ = true;
  Step();
}

void Stream::OnDrain() {
  draining_ = true;
  Step();
}

void Stream::Start() {
  until_ = until_caught_up_ ? log_.Bounds().latest : Sequence{UINT64_MAX};
  const absl::Status status = reader_.Start();
  if (!status.ok()) {
    Finish(status, ReasonOf(status));
    return;
  }
  started_ = true;
  age_due_ = After(steps_.Now(), options_.max_stream_age *
                                     (1 + kAgeSpread * (2 * jitter_ - 1)));
  v1::SubscribeResponse response;
  *response.mutable_info() = MakeInfo();
  Write(MakeBatch(), std::move(response));
}

void Stream::Deliver(SteadyTime now) {
  Batch batch = MakeBatch();
  const absl::StatusOr<LogReader::Next> next = reader_.Fill(until_, batch);
  if (!next.ok()) {
    Finish(next.status(), ReasonOf(next.status()));
    return;
  }
  if (reader_.position() >= until_) {
    v1::SubscribeResponse response;
    end_ = v1::END_REASON_CAUGHT_UP;
    *response.mutable_end() = MakeEnd(end_);
    Write(std::move(batch), std::move(response));
  } else if (!batch.empty() || now >= heartbeat_due_) {
    Write(std::move(batch), {});
  } else if (*next != LogReader::Next::kWait) {
    steps_.StepSoon();
  } else {
    steps_.StepPast(reader_.position());
    steps_.StepAt(std::min(heartbeat_due_, age_due_));
  }
}

void Stream::WriteEnd(v1::EndReason reason) {
  // What is stored goes first, as far as one response holds it.
  Batch batch = MakeBatch();
  const absl::StatusOr<LogReader::Next> next = reader_.Fill(until_, batch);
  if (!next.ok()) {
    Finish(next.status(), ReasonOf(next.status()));
    return;
  }
  v1::SubscribeResponse response;
  end_ = reason;
  *response.mutable_end() = MakeEnd(reason);
  Write(std::move(batch), std::move(response));
}

void Stream::Write(Batch batch, v1::SubscribeResponse response) {
  response.set_cursor(EncodeCursor(reader_.cursor()));
  response.set_backlog(reader_.Backlog());
  *response.mutable_server_time() = ToProto(clock_.Now());
  std::optional<v1::Gap> gap = reader_.TakeGap();
  if (gap.has_value()) *response.mutable_gap() = *std::move(gap);

  metrics_.CountDeliveries(batch.events());
  writing_ = true;
  const SteadyTime now = steps_.Now();
  heartbeat_due_ = After(now, heartbeat_interval_ * (1 - kHeartbeatLead));
  stall_due_ = After(now, options_.stall_timeout);
  steps_.StepAt(stall_due_);
  call_.Write(std::move(batch).Finish(response.SerializeAsString()));
}

Batch Stream::MakeBatch() const {
  return Batch(reader_.view(),
               {.events_max = batch_events_max_,
                .bytes_max = batch_bytes_max_ - kTrailerBytesMax});
}

v1::StreamInfo Stream::MakeInfo() const {
  v1::StreamInfo info;
  info.set_log_id(reader_.cursor().log_id.ToString());
  info.set_server_id(options_.server_id);
  *info.mutable_heartbeat_interval() = ToProto(heartbeat_interval_);
  *info.mutable_max_stream_age() = ToProto(options_.max_stream_age);
  info.set_max_batch_events(batch_events_max_);
  info.set_max_batch_bytes(batch_bytes_max_);
  return info;
}

v1::StreamEnd Stream::MakeEnd(v1::EndReason reason) const {
  v1::StreamEnd end;
  end.set_reason(reason);
  if (reason == v1::END_REASON_MAX_AGE) {
    *end.mutable_retry_delay() = ToProto(kMaxAgeRetryMax * jitter_);
  } else if (reason == v1::END_REASON_SERVER_DRAINING) {
    *end.mutable_retry_delay() =
        ToProto(kDrainRetryMin + (kDrainRetryMax - kDrainRetryMin) * jitter_);
  }
  return end;
}

void Stream::Finish(const absl::Status& status, std::string_view end) {
  finished_ = true;
  metrics_.CountEnd(end);
  call_.Finish(status);
}

void Stream::FinishCancelled() {
  finished_ = true;
  metrics_.CountEnd(kEndCancelled);
  call_.FinishCancelled();
}

void Stream::EndStalled(SteadyTime now) {
  if (finished_) {
    call_.Reset();
    return;
  }
  stall_due_ = After(now, std::min(options_.stall_timeout, kStallGraceMax));
  steps_.StepAt(stall_due_);
  const absl::Status status = ReaderStalledError(options_.stall_timeout);
  Finish(status, ReasonOf(status));
}

}  // namespace enveloperelay
