#include "tests/support/memory_event_log.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/record.h"
#include "server/log/sequence.h"

namespace enveloperelay::testing {

void MemoryEventLog::Append(v1::EnvelopeEvent event, AppendDone done) {
  RELAY_CHECK(!event.event_id().empty());
  absl::Status health;
  {
    const MutexLock lock(mutex_);
    health = health_;
  }
  if (!health.ok()) {
    std::move(done)(health);
    return;
  }
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({EncodeEvent(std::move(event)), std::move(done)});
  }
  CommitWaiting();
}

void MemoryEventLog::CommitWaiting() {
  {
    const MutexLock lock(mutex_);
    if (committing_) return;
    committing_ = true;
  }
  // Goes on until nothing waits: an append may come from a callback.
  for (;;) {
    std::vector<Answer> answers;
    Sequence end;
    {
      const MutexLock lock(mutex_);
      if (held_ || waiting_.empty()) {
        committing_ = false;
        return;
      }
      answers = Commit(std::exchange(waiting_, {}));
      end = latest();
    }
    if (end > tail_.end()) tail_.Advance(end);
    for (Answer& answer : answers) {
      std::move(answer.done)(std::move(answer.result));
    }
  }
}

std::vector<MemoryEventLog::Answer> MemoryEventLog::Commit(
    std::vector<Waiting> group) {
  const auto chunk = std::make_shared<Chunk>();
  std::vector<Answer> answers;
  int64_t time =
      records_.empty() ? INT64_MIN : records_.back().ref().receive_time_micros;
  for (Waiting& waiting : group) {
    EncodedEvent& event = waiting.event;
    const auto found = by_event_id_.find(event.event_id);
    if (found != by_event_id_.end() && found->second >= earliest_) {
      answers.push_back({std::move(waiting.done),
                         Appended{found->second, /*duplicate=*/true}});
      continue;
    }
    const Sequence sequence = latest().Next();
    time = std::max(time, event.receive_time_micros);
    AppendRecord(event, Cursor{log_id_, sequence}, time, *chunk);
    by_event_id_[event.event_id] = sequence;
    records_.push_back({.chunk = chunk,
                        .index = chunk->records.size() - 1,
                        .event_id = std::move(event.event_id),
                        .envelope_id = std::move(event.envelope_id)});
    answers.push_back({std::move(waiting.done), Appended{sequence}});
  }
  if (!chunk->records.empty()) chunks_.Add(chunk);
  return answers;
}

std::optional<LogRange> MemoryEventLog::ReadRecent(
    Sequence after, const ReadLimits& limits) const {
  const MutexLock lock(mutex_);
  if (after < latest() && (after < forgotten_ || after.Next() < earliest_)) {
    return std::nullopt;
  }
  return chunks_.Read(after, limits);
}

absl::Status MemoryEventLog::CheckReadable(Sequence sequence) const {
  if (!damaged_.contains(sequence)) return absl::OkStatus();
  return CorruptRecord(sequence, "a test said so");
}

absl::StatusOr<LogRange> MemoryEventLog::Read(Sequence after,
                                              const ReadLimits& limits) const {
  const MutexLock lock(mutex_);
  ++reads_;
  if (!read_error_.ok()) return read_error_;
  if (after.Next() < earliest_) {
    return absl::OutOfRangeError("records are no longer retained");
  }
  const absl::Status readable = CheckReadable(after.Next());
  if (!readable.ok()) return readable;
  ReadLimits whole = limits;
  const auto damaged = damaged_.upper_bound(after);
  if (damaged != damaged_.end()) {
    const size_t before = damaged->value - after.Next().value;
    whole.events_max = std::min(whole.events_max, before);
  }
  std::optional<LogRange> range = chunks_.Read(after, whole);
  RELAY_CHECK(range.has_value());
  return *std::move(range);
}

absl::StatusOr<LogRange> MemoryEventLog::ReadEnvelopes(
    std::span<const std::string> envelope_ids, Sequence after,
    const ReadLimits& limits) const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  LogRange range;
  size_t bytes = 0;
  Sequence next = std::max(after.Next(), earliest_);
  for (; next <= latest(); next = next.Next()) {
    const Stored& stored = At(next);
    if (std::ranges::find(envelope_ids, stored.envelope_id) ==
        envelope_ids.end()) {
      continue;
    }
    bytes += stored.ref().size();
    const bool full = range.spans.size() == limits.events_max ||
                      (bytes > limits.bytes_max && !range.spans.empty());
    if (full) return range;
    const absl::Status readable = CheckReadable(next);
    if (!readable.ok()) {
      if (range.spans.empty()) return readable;
      return range;
    }
    range.spans.push_back(stored.span());
    range.end = next;
  }
  range.end = std::max(latest(), after);
  return range;
}

absl::StatusOr<ChunkSpan> MemoryEventLog::Get(Sequence sequence) const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  if (sequence < earliest_ || sequence > latest()) {
    return absl::NotFoundError("no such event");
  }
  const absl::Status readable = CheckReadable(sequence);
  if (!readable.ok()) return readable;
  return At(sequence).span();
}

absl::StatusOr<Sequence> MemoryEventLog::FindEventId(
    std::string_view event_id) const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  const auto found = by_event_id_.find(std::string(event_id));
  if (found == by_event_id_.end() || found->second < earliest_) {
    return absl::NotFoundError("no such event");
  }
  return found->second;
}

absl::StatusOr<Sequence> MemoryEventLog::FindTime(absl::Time time) const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  Sequence next = earliest_;
  while (next <= latest() &&
         absl::FromUnixMicros(At(next).ref().receive_time_micros) < time) {
    next = next.Next();
  }
  return Sequence{next.value - 1};
}

LogBounds MemoryEventLog::Bounds() const {
  const MutexLock lock(mutex_);
  LogBounds bounds{.log_id = log_id_,
                   .earliest = earliest_,
                   .latest = latest(),
                   .earliest_time = absl::InfinitePast(),
                   .latest_time = absl::InfinitePast()};
  if (!bounds.empty()) {
    bounds.earliest_time =
        absl::FromUnixMicros(At(earliest_).ref().receive_time_micros);
    bounds.latest_time =
        absl::FromUnixMicros(At(latest()).ref().receive_time_micros);
  }
  return bounds;
}

absl::Status MemoryEventLog::Health() const {
  const MutexLock lock(mutex_);
  return health_;
}

void MemoryEventLog::HoldAppends() {
  const MutexLock lock(mutex_);
  held_ = true;
}

void MemoryEventLog::ReleaseAppends() {
  {
    const MutexLock lock(mutex_);
    held_ = false;
  }
  CommitWaiting();
}

void MemoryEventLog::FailAppends(const absl::Status& status) {
  std::vector<Waiting> failed;
  {
    const MutexLock lock(mutex_);
    held_ = false;
    failed.swap(waiting_);
  }
  for (Waiting& waiting : failed) std::move(waiting.done)(status);
}

size_t MemoryEventLog::held_appends() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

void MemoryEventLog::SetHealth(absl::Status health) {
  const MutexLock lock(mutex_);
  health_ = std::move(health);
}

void MemoryEventLog::SetEarliest(Sequence earliest) {
  const MutexLock lock(mutex_);
  RELAY_CHECK(earliest >= earliest_ && earliest <= latest().Next());
  earliest_ = earliest;
}

void MemoryEventLog::ForgetRecent() {
  const MutexLock lock(mutex_);
  forgotten_ = latest();
}

void MemoryEventLog::Damage(Sequence sequence) {
  const MutexLock lock(mutex_);
  damaged_.insert(sequence);
  forgotten_ = latest();
}

void MemoryEventLog::SetReadError(absl::Status error) {
  const MutexLock lock(mutex_);
  read_error_ = std::move(error);
}

int MemoryEventLog::reads() const {
  const MutexLock lock(mutex_);
  return reads_;
}

}  // namespace enveloperelay::testing
