#include "server/stream/log_source.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/positions.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

LogSource::LogSource(ReadSpec read, const BatchLimits& limits,
                     bool until_caught_up, EventLog& log,
                     StreamPositions& positions)
    : log_(log),
      positions_(positions),
      reader_(std::move(read), log),
      limits_(limits),
      until_caught_up_(until_caught_up) {}

absl::Status LogSource::Start() {
  until_ = until_caught_up_ ? log_.Bounds().latest : Sequence{UINT64_MAX};
  absl::Status status = reader_.Start();
  if (status.ok()) position_.emplace(positions_, reader_.position());
  return status;
}

StreamPart LogSource::MakePart() const {
  return {.batch = Batch(reader_.view(),
                         {.events_max = limits_.events_max,
                          .bytes_max = limits_.bytes_max - kTrailerBytesMax}),
          .rest = {}};
}

absl::StatusOr<StreamSource::Next> LogSource::Fill(StreamPart& part) {
  const absl::StatusOr<LogReader::Next> next = reader_.Fill(until_, part.batch);
  if (!next.ok()) return next.status();
  position_->Set(reader_.position());
  if (reader_.position() >= until_) return Next::kEnd;
  switch (*next) {
    case LogReader::Next::kReadOn:
      return Next::kReadOn;
    case LogReader::Next::kSend:
      return Next::kSend;
    case LogReader::Next::kWait:
      break;
  }
  return Next::kWait;
}

absl::Status LogSource::FillLast(StreamPart& part) {
  // What is stored goes first, as far as one response holds it.
  return Fill(part).status();
}

void LogSource::WaitForMore(StepScheduler& steps) {
  steps.StepPast(reader_.position());
}

void LogSource::Describe(v1::SubscribeResponse& response) {
  response.set_cursor(EncodeCursor(reader_.cursor()));
  response.set_backlog(reader_.Backlog());
  std::optional<v1::Gap> gap = reader_.TakeGap();
  if (gap.has_value()) *response.mutable_gap() = *std::move(gap);
}

void LogSource::DescribeInfo(v1::StreamInfo& info) const {
  info.set_log_id(reader_.cursor().log_id.ToString());
  info.set_max_batch_events(static_cast<uint32_t>(limits_.events_max));
  info.set_max_batch_bytes(static_cast<uint32_t>(limits_.bytes_max));
}

}  // namespace enveloperelay
