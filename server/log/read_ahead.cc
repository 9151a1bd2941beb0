#include "server/log/read_ahead.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

// Which record of `chunk` is the first after `after`; nothing if none is, or if
// some before it are missing.
std::optional<size_t> IndexAfter(const Chunk& chunk, Sequence after) {
  const std::vector<RecordRef>& records = chunk.records;
  if (after.Next() < records.front().sequence) return std::nullopt;
  const size_t index = after.Next().value - records.front().sequence.value;
  if (index >= records.size()) return std::nullopt;
  return index;
}

const RecordRef& FirstOf(const LogRange& range) {
  const ChunkSpan& span = range.spans.front();
  return span.chunk->records[span.first];
}

// What `range` leaves of `limits`.
ReadLimits Left(ReadLimits limits, const LogRange& range) {
  for (const ChunkSpan& span : range.spans) {
    const std::vector<RecordRef>& records = span.chunk->records;
    const size_t bytes = records[span.last - 1].end - records[span.first].begin;
    limits.events_max -= std::min(limits.events_max, span.size());
    limits.bytes_max -= std::min(limits.bytes_max, bytes);
  }
  return limits;
}

}  // namespace

absl::StatusOr<LogRange> ReadAhead::Read(const EventLog& log, Sequence after,
                                         const ReadLimits& limits) {
  const std::optional<LogRange> kept = Kept(log, after, limits);
  LogRange range = kept.value_or(LogRange{.spans = {}, .end = after});
  if (kept.has_value() && range.end < chunk_->records.back().sequence) {
    return range;
  }
  Drop();
  const ReadLimits left = Left(limits, range);
  if (left.events_max == 0 || left.bytes_max == 0) return range;

  const absl::StatusOr<LogRange> more = log.Read(range.end, left);
  if (more.ok()) Keep(*more);
  if (!kept.has_value()) return more;
  if (!more.ok() || more->spans.empty()) return range;
  // A read gives one record, however large.
  if (FirstOf(*more).size() > left.bytes_max) return range;
  range.spans.insert(range.spans.end(), more->spans.begin(), more->spans.end());
  range.end = more->end;
  return range;
}

std::optional<LogRange> ReadAhead::ReadRecent(const EventLog& log,
                                              Sequence after,
                                              const ReadLimits& limits) {
  std::optional<LogRange> range = log.ReadRecent(after, limits);
  if (range.has_value()) Drop();
  return range;
}

void ReadAhead::Keep(const LogRange& range) {
  if (range.spans.empty()) return;
  const ChunkSpan& last = range.spans.back();
  const bool all_used = last.last == last.chunk->records.size();
  if (!all_used && last.chunk->Footprint() <= kBytesMax) chunk_ = last.chunk;
}

std::optional<LogRange> ReadAhead::Kept(const EventLog& log, Sequence after,
                                        const ReadLimits& limits) const {
  if (chunk_ == nullptr) return std::nullopt;
  const std::optional<size_t> first = IndexAfter(*chunk_, after);
  // What is no longer retained is not read, wherever it may still be.
  if (!first.has_value() || after.Next() < log.Bounds().earliest) {
    return std::nullopt;
  }
  const size_t last =
      *first + limits.CountFitting(*chunk_, *first, /*nothing_taken=*/true);
  return LogRange{.spans = {{.chunk = chunk_, .first = *first, .last = last}},
                  .end = chunk_->records[last - 1].sequence};
}

}  // namespace enveloperelay
