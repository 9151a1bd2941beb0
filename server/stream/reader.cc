#include "server/stream/reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"
#include "server/stream/errors.h"
#include "server/stream/filter.h"
#include "server/stream/request.h"
#include "server/stream/response.h"

namespace enveloperelay {
namespace {

// Events that a filtered reader reads from the disk at once.
constexpr uint32_t kScanEventsMin = 64;
constexpr uint32_t kScanEventsMax = 8192;
// Bytes likewise.
constexpr size_t kReadBytesMax = size_t{1} << 20;
// A reader that is further back finds the events of its envelopes by the
// index instead of looking at each event.
constexpr uint64_t kScanInsteadOfIndexMax = 1000;

int64_t CeilToMicros(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  return absl::FromUnixMicros(micros) < time ? micros + 1 : micros;
}

}  // namespace

absl::StatusOr<LogStart> FindStart(const StartSpec& spec, const EventLog& log) {
  const LogBounds bounds = log.Bounds();
  if (spec.cursor.has_value()) {
    const Cursor& cursor = *spec.cursor;
    if (cursor.log_id != bounds.log_id) {
      return CursorUnknownLogError(cursor.log_id, bounds.log_id);
    }
    if (cursor.sequence > bounds.latest) {
      return CursorAheadError(cursor.sequence, bounds.latest);
    }
    return LogStart{.position = cursor.sequence};
  }
  if (spec.start_time.has_value()) {
    const absl::StatusOr<Sequence> found = log.FindTime(*spec.start_time);
    if (!found.ok()) return FromLog(found.status());
    return LogStart{.position = *found,
                    .begin_micros = CeilToMicros(*spec.start_time)};
  }
  return LogStart{.position = spec.earliest
                                  ? Sequence{bounds.earliest.value - 1}
                                  : bounds.latest};
}

LogReader::LogReader(ReadSpec spec, EventLog& log)
    : log_(log),
      start_(spec.start),
      filter_(std::move(spec.filter)),
      view_(spec.view),
      skip_expired_(spec.skip_expired),
      sends_all_(filter_ == nullptr && view_ != v1::EVENT_VIEW_BASIC),
      scan_events_(kBatchEventsDefault) {}

absl::Status LogReader::Start() {
  const absl::StatusOr<LogStart> start = FindStart(start_, log_);
  if (!start.ok()) return start.status();
  const LogBounds bounds = log_.Bounds();
  log_id_ = bounds.log_id;
  position_ = start->position;
  begin_micros_ = start->begin_micros;
  return position_.Next() < bounds.earliest && start_.cursor.has_value()
             ? Skip()
             : absl::OkStatus();
}

absl::StatusOr<LogReader::Next> LogReader::Fill(Sequence until, Batch& batch) {
  scanned_bytes_ = 0;
  while (position_ < until) {
    if (batch.full()) return Next::kSend;
    if (scanned_bytes_ >= kScanBytesMax) return Next::kReadOn;
    const absl::StatusOr<LogRange> range = ReadRange(until, batch);
    if (!range.ok()) {
      if (!batch.empty()) return Next::kSend;
      if (!absl::IsOutOfRange(range.status())) return range.status();
      const absl::Status skipped = Skip();
      if (!skipped.ok()) return skipped;
      return Next::kReadOn;
    }
    if (range->spans.empty() && range->end <= position_) return Next::kWait;
    if (!Take(*range, until, batch)) return Next::kSend;
    // One such read fills the batch or gets all there is.
    if (sends_all_) {
      return position_ < log_.tail().end() ? Next::kReadOn : Next::kWait;
    }
  }
  return Next::kWait;
}

absl::StatusOr<LogRange> LogReader::ReadRange(Sequence until,
                                              const Batch& batch) {
  ReadLimits limits{.events_max = batch.limits().events_max - batch.events(),
                    .bytes_max = batch.limits().bytes_max - batch.bytes()};
  if (!sends_all_) limits.bytes_max = kScanBytesMax;
  if (filter_ != nullptr) limits.events_max = kScanEventsMax;
  limits.events_max =
      std::min<uint64_t>(limits.events_max, until.value - position_.value);

  const bool indexed = filter_ != nullptr && !filter_->envelope_ids().empty();
  if (!indexed || Backlog() <= kScanInsteadOfIndexMax) {
    std::optional<LogRange> recent = ahead_.ReadRecent(log_, position_, limits);
    if (recent.has_value()) return *std::move(recent);
  }
  if (!sends_all_) limits.bytes_max = kReadBytesMax;
  if (filter_ != nullptr) {
    limits.events_max = std::min<size_t>(limits.events_max, scan_events_);
  }
  return indexed ? ReadIndex(limits) : ahead_.Read(log_, position_, limits);
}

absl::StatusOr<LogRange> LogReader::ReadIndex(const ReadLimits& limits) const {
  absl::StatusOr<LogRange> range =
      log_.ReadEnvelopes(filter_->envelope_ids(), position_, limits);
  // The index does not tell what is no longer retained.
  if (range.ok() && log_.Bounds().earliest > position_.Next()) {
    return absl::OutOfRangeError("overtaken by retention");
  }
  return range;
}

bool LogReader::Take(const LogRange& range, Sequence until, Batch& batch) {
  size_t looked_at = 0;
  for (const ChunkSpan& span : range.spans) {
    for (size_t i = span.first; i < span.last; ++i) {
      const RecordRef& ref = span.chunk->records[i];
      if (ref.sequence > until) {
        position_ = until;
        return true;
      }
      const bool passes =
          ref.receive_time_micros >= begin_micros_ &&
          (filter_ == nullptr || filter_->Matches(span.chunk->BasicEvent(ref)));
      if (passes && !batch.Add(span.chunk, i)) {
        scan_events_ = std::max<uint32_t>(scan_events_ / 2, kScanEventsMin);
        return false;
      }
      position_ = ref.sequence;
      scanned_bytes_ += ref.size();
      ++looked_at;
    }
  }
  position_ = std::min(std::max(position_, range.end), until);
  if (looked_at >= scan_events_ && !batch.full()) {
    scan_events_ = std::min(scan_events_ * 2, kScanEventsMax);
  }
  return true;
}

absl::Status LogReader::Skip() {
  const LogBounds bounds = log_.Bounds();
  const Sequence before{bounds.earliest.value - 1};
  if (before <= position_) return absl::OkStatus();
  if (!skip_expired_) return CursorExpiredError(position_, bounds);
  lost_events_ += before.value - position_.value;
  lost_until_ = bounds.earliest;
  position_ = before;
  return absl::OkStatus();
}

uint64_t LogReader::Backlog() const {
  const Sequence end = log_.tail().end();
  return end > position_ ? end.value - position_.value : 0;
}

std::optional<v1::Gap> LogReader::TakeGap() {
  if (lost_events_ == 0) return std::nullopt;
  v1::Gap gap;
  gap.set_lost_events(std::exchange(lost_events_, 0));
  gap.set_next_sequence(lost_until_.value);
  return gap;
}

}  // namespace enveloperelay
