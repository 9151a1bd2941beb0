#include "server/stream/stream.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/stream/errors.h"
#include "server/stream/metrics.h"
#include "server/stream/proto_time.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {
namespace {

// Streams end at their age times 1 - kAgeSpread to 1 + kAgeSpread.
constexpr double kAgeSpread = 0.2;

// Heartbeats go out this part of the interval early, so that they arrive within
// it.
constexpr double kHeartbeatLead = 0.05;

// How long a client that has more to read may take to come to why its call has
// ended, before the call is broken off.
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

Stream::Stream(const Environment& environment,
               std::unique_ptr<StreamSource> source,
               absl::Duration heartbeat_interval, double jitter)
    : clock_(environment.clock),
      options_(environment.options),
      metrics_(environment.metrics),
      steps_(environment.steps),
      call_(environment.call),
      source_(std::move(source)),
      heartbeat_interval_(heartbeat_interval),
      jitter_(jitter) {}

Stream::~Stream() {
  if (!finished_) source_->Stop();
}

void Stream::Step() {
  const SteadyTime now = steps_.Now();
  if (in_flight_ > 0 && !cancelled_) {
    if (now >= stall_due_) {
      EndStalled(now);
    } else if (MayRunAhead(now)) {
      Deliver(now);
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
  --in_flight_;
  if (!finished_) stall_due_ = After(steps_.Now(), options_.stall_timeout);
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

void Stream::OnWithdrawn(const absl::Status& status) {
  if (finished_) return;
  if (in_flight_ > 0) GraceBeforeReset(steps_.Now());
  Fail(status);
}

void Stream::Start() {
  const absl::Status status = source_->Start();
  if (!status.ok()) {
    Fail(status);
    return;
  }
  started_ = true;
  age_due_ = After(steps_.Now(), options_.max_stream_age *
                                     (1 + kAgeSpread * (2 * jitter_ - 1)));
  StreamPart part = source_->MakePart();
  *part.rest.mutable_info() = MakeInfo();
  Write(std::move(part));
}

bool Stream::MayRunAhead(SteadyTime now) const {
  return behind_ && in_flight_ == 1 && source_->MayRunAhead() && !finished_ &&
         !draining_ && end_ == v1::END_REASON_UNSPECIFIED && now < age_due_;
}

void Stream::Deliver(SteadyTime now) {
  StreamPart part = source_->MakePart();
  const absl::StatusOr<StreamSource::Next> next = source_->Fill(part);
  behind_ = !part.batch.empty() && next.ok() &&
            (*next == StreamSource::Next::kSend ||
             *next == StreamSource::Next::kReadOn);
  if (in_flight_ > 0 && part.batch.empty()) {
    // Whatever it is, it is said when nothing is in flight.
    steps_.StepAt(stall_due_);
    return;
  }
  if (!next.ok()) {
    Fail(next.status());
    return;
  }
  if (*next == StreamSource::Next::kEnd) {
    end_ = v1::END_REASON_CAUGHT_UP;
    *part.rest.mutable_end() = MakeEnd(end_);
    Write(std::move(part));
  } else if (!part.batch.empty() || now >= heartbeat_due_) {
    Write(std::move(part));
  } else if (*next != StreamSource::Next::kWait) {
    steps_.StepSoon();
  } else {
    source_->WaitForMore(steps_);
    steps_.StepAt(std::min(heartbeat_due_, age_due_));
  }
}

void Stream::WriteEnd(v1::EndReason reason) {
  StreamPart part = source_->MakePart();
  const absl::Status status = source_->FillLast(part);
  if (!status.ok()) {
    Fail(status);
    return;
  }
  end_ = reason;
  *part.rest.mutable_end() = MakeEnd(reason);
  Write(std::move(part));
}

void Stream::Write(StreamPart part) {
  source_->Describe(part.rest);
  const absl::Time server_time = clock_.Now();
  *part.rest.mutable_server_time() = ToProto(server_time);

  metrics_.CountDeliveries(part.batch.list(), server_time);
  const SteadyTime now = steps_.Now();
  heartbeat_due_ = After(now, heartbeat_interval_ * (1 - kHeartbeatLead));
  if (in_flight_++ == 0) stall_due_ = After(now, options_.stall_timeout);
  steps_.StepAt(stall_due_);
  if (MayRunAhead(now)) steps_.StepSoon();
  call_.Write(std::move(part.batch).Finish(part.rest.SerializeAsString()));
}

v1::StreamInfo Stream::MakeInfo() const {
  v1::StreamInfo info;
  info.set_server_id(options_.server_id);
  *info.mutable_heartbeat_interval() = ToProto(heartbeat_interval_);
  *info.mutable_max_stream_age() = ToProto(options_.max_stream_age);
  source_->DescribeInfo(info);
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
  source_->Stop();
  metrics_.CountEnd(end);
  in_flight_ -= call_.Finish(status);
}

void Stream::Fail(const absl::Status& status) {
  // Once, since a bug is logged with an id of its own each time.
  const absl::Status error = FromLog(status);
  Finish(error, ReasonOf(error));
}

void Stream::FinishCancelled() {
  finished_ = true;
  source_->Stop();
  metrics_.CountEnd(kEndCancelled);
  in_flight_ -= call_.FinishCancelled();
}

void Stream::EndStalled(SteadyTime now) {
  if (finished_) {
    call_.Reset();
    return;
  }
  GraceBeforeReset(now);
  Fail(ReaderStalledError(options_.stall_timeout));
}

void Stream::GraceBeforeReset(SteadyTime now) {
  stall_due_ = After(now, std::min(options_.stall_timeout, kStallGraceMax));
  steps_.StepAt(stall_due_);
}

}  // namespace enveloperelay
