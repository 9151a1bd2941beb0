#include "server/log/recent.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

using ChunkPtr = std::shared_ptr<const Chunk>;

}  // namespace

void Recent::Add(ChunkPtr chunk) {
  // Freed outside of the lock.
  std::vector<ChunkPtr> dropped;
  const MutexLock lock(mutex_);
  RELAY_CHECK(!chunk->records.empty());
  RELAY_CHECK(chunk->records.front().sequence == end_.Next());
  end_ = chunk->records.back().sequence;
  bytes_ += chunk->Footprint();
  chunks_.push_back(std::move(chunk));
  while (bytes_ > bytes_max_ && chunks_.size() > 1) {
    dropped.push_back(PopOldest());
  }
}

std::optional<LogRange> Recent::Read(Sequence after,
                                     const ReadLimits& limits) const {
  LogRange range{.spans = {}, .end = after};
  const MutexLock lock(mutex_);
  if (after >= end_) return range;
  if (after.Next() < earliest_) return std::nullopt;
  auto it =
      std::ranges::partition_point(chunks_, [after](const ChunkPtr& chunk) {
        return chunk->records.back().sequence <= after;
      });
  if (it == chunks_.end() || (*it)->records.front().sequence > after.Next()) {
    return std::nullopt;
  }

  ReadLimits left = limits;
  for (; it != chunks_.end(); ++it) {
    const Chunk& chunk = **it;
    const size_t first =
        range.end.Next().value - chunk.records.front().sequence.value;
    const size_t count =
        left.CountFitting(chunk, first, /*nothing_taken=*/range.spans.empty());
    if (count == 0) break;
    const size_t last = first + count;
    const size_t bytes =
        chunk.records[last - 1].end - chunk.records[first].begin;
    range.spans.push_back({.chunk = *it, .first = first, .last = last});
    range.end = chunk.records[last - 1].sequence;
    left.events_max -= count;
    left.bytes_max -= std::min(left.bytes_max, bytes);
    if (last < chunk.records.size()) break;
  }
  return range;
}

void Recent::Trim(Sequence earliest) {
  std::vector<ChunkPtr> dropped;
  const MutexLock lock(mutex_);
  earliest_ = earliest;
  while (!chunks_.empty() &&
         chunks_.front()->records.back().sequence < earliest) {
    dropped.push_back(PopOldest());
  }
}

ChunkPtr Recent::PopOldest() {
  ChunkPtr oldest = std::move(chunks_.front());
  chunks_.pop_front();
  bytes_ -= oldest->Footprint();
  return oldest;
}

}  // namespace enveloperelay
