#include "server/log/read_ahead.h"

#include <cstddef>
#include <optional>
#include <utility>
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

}  // namespace

size_t CountFitting(const Chunk& chunk, size_t first, const ReadLimits& limits,
                    bool nothing_taken) {
  size_t last = first;
  size_t bytes = 0;
  while (last < chunk.records.size() && last - first < limits.events_max) {
    bytes += chunk.records[last].size();
    if (bytes > limits.bytes_max && !(nothing_taken && last == first)) break;
    ++last;
  }
  return last - first;
}

absl::StatusOr<LogRange> ReadAhead::Read(const EventLog& log, Sequence after,
                                         const ReadLimits& limits) {
  std::optional<LogRange> kept = Kept(log, after, limits);
  if (kept.has_value()) return *std::move(kept);
  absl::StatusOr<LogRange> range = log.Read(after, limits);
  Drop();
  if (range.ok()) Keep(*range);
  return range;
}

void ReadAhead::Keep(const LogRange& range) {
  if (range.spans.empty()) return;
  const ChunkSpan& last = range.spans.back();
  const bool all_used = last.last == last.chunk->records.size();
  if (!all_used && last.chunk->bytes.size() <= kBytesMax) chunk_ = last.chunk;
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
      *first + CountFitting(*chunk_, *first, limits, /*nothing_taken=*/true);
  return LogRange{.spans = {{.chunk = chunk_, .first = *first, .last = last}},
                  .end = chunk_->records[last - 1].sequence};
}

}  // namespace enveloperelay
