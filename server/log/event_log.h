#ifndef ENVELOPE_RELAY_SERVER_LOG_EVENT_LOG_H_
#define ENVELOPE_RELAY_SERVER_LOG_EVENT_LOG_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"

namespace enveloperelay {

// Answer to an append.
struct Appended {
  Sequence sequence;
  // The log already held this event_id: `sequence` is the first one's place.
  bool duplicate = false;
};

// What the log holds.
struct LogBounds {
  LogId log_id;
  // Oldest retained event; latest.Next() when none is.
  Sequence earliest;
  // Newest event ever stored; 0: none.
  Sequence latest;
  // Receive times of those two; absl::InfinitePast() where there is no event.
  absl::Time earliest_time;
  absl::Time latest_time;

  bool empty() const { return earliest > latest; }
  // Retained events after `position`, which may be before all of them.
  uint64_t CountAfter(Sequence position) const {
    const uint64_t before = std::max(position.value + 1, earliest.value);
    return before > latest.value ? 0 : latest.value - before + 1;
  }
};

// Bounds of one read. At least one record is returned where there is one, even
// if it is larger than `bytes_max` alone.
struct ReadLimits {
  size_t events_max;
  size_t bytes_max;

  // How many records of `chunk` from `first` on are within them; the first in
  // any case if nothing was taken before.
  size_t CountFitting(const Chunk& chunk, size_t first,
                      bool nothing_taken) const {
    size_t last = first;
    size_t bytes = 0;
    while (last < chunk.records.size() && last - first < events_max) {
      bytes += chunk.records[last].size();
      if (bytes > bytes_max && !(nothing_taken && last == first)) break;
      ++last;
    }
    return last - first;
  }
};

// What a read returned: records in log order. A chunk may hold more than its
// span; see EventLog::Read.
struct LogRange {
  std::vector<ChunkSpan> spans;
  // All the read looked at, up to here, is in `spans`; read on after it.
  Sequence end;
};

// The log of events: appended durably, read by position, kept for a while.
// Thread-safe. A function is non-blocking unless it says otherwise.
//
// Always true:
//   - sequences are given in the order of commits, without holes;
//   - receive times never fall along the log, so a time can be searched for;
//   - an event_id is stored once, as long as its event is retained;
//   - what a reader sees is durable.
class EventLog {
 public:
  using AppendDone = absl::AnyInvocable<void(absl::StatusOr<Appended>) &&>;

  virtual ~EventLog() = default;

  // Stores `event`, which has an event_id (its sequence and cursor are set by
  // the log, its receive_time cut to microseconds, and moved forward if an
  // earlier event has a later one) and calls `done` once, when it is durable or
  // has failed, on a thread of the log that must not be held up. May call it
  // before it returns.
  // Errors: kUnavailable (closing, or storage has failed), kResourceExhausted
  // (disk full, or too many appends are waiting).
  virtual void Append(v1::EnvelopeEvent event, AppendDone done) = 0;

  // Returns records after `after` from memory, or nothing if they have left it
  // and Read() must get them from the store. At the end of the log: no spans.
  virtual std::optional<LogRange> ReadRecent(
      Sequence after, const ReadLimits& limits) const = 0;

  // Returns records after `after`; none if it is the end of the log or past
  // it. Records before a damaged one are returned, and the error comes when the
  // damaged one is the first. What the last chunk holds behind its span are the
  // records that follow, read along with the others. Blocks on the disk.
  // Errors: kOutOfRange (records after `after` are no longer retained),
  // kDataLoss (damaged record; see CorruptSequence), kUnavailable.
  virtual absl::StatusOr<LogRange> Read(Sequence after,
                                        const ReadLimits& limits) const = 0;

  // As Read, but only the records of `envelope_ids`, by an index. `end` is the
  // newest sequence of the log when all of them are in the range. Retained
  // records are returned whatever `after` is: it gives no kOutOfRange.
  virtual absl::StatusOr<LogRange> ReadEnvelopes(
      std::span<const std::string> envelope_ids, Sequence after,
      const ReadLimits& limits) const = 0;

  // Returns one record. Blocks on the disk.
  // Errors: kNotFound, kDataLoss, kUnavailable.
  virtual absl::StatusOr<ChunkSpan> Get(Sequence sequence) const = 0;

  // Returns where the event stands. Blocks on the disk.
  // Errors: kNotFound, kUnavailable.
  virtual absl::StatusOr<Sequence> FindEventId(
      std::string_view event_id) const = 0;

  // Returns the place right before the first retained event received at or
  // after `time`: the newest sequence if there is none. Blocks on the disk.
  // Errors: kDataLoss, kUnavailable.
  virtual absl::StatusOr<Sequence> FindTime(absl::Time time) const = 0;

  virtual LogBounds Bounds() const = 0;

  // OK while appends are taken; else why not: kResourceExhausted (disk full,
  // may pass), kUnavailable (final).
  virtual absl::Status Health() const = 0;

  // Announces growth; see Tail.
  virtual Tail& tail() = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_EVENT_LOG_H_
