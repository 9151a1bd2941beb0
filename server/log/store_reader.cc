#include "server/log/store_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "server/log/chunk.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/extent.h"
#include "server/log/layout.h"
#include "server/log/record_finder.h"
#include "server/log/rocksdb_status.h"
#include "server/log/sequence.h"
#include "server/log/store.h"

namespace enveloperelay {
namespace {

// A chunk's offsets are 32 bits wide; nobody sends this much at once.
constexpr size_t kChunkBytesMax = size_t{256} << 20;

// Most that is reserved ahead for a chunk, in bytes of its records.
constexpr size_t kReserveBytesMax = size_t{1} << 20;

absl::Status NoLongerRetained(Sequence after, Sequence floor) {
  return absl::OutOfRangeError(absl::StrCat(
      "records after sequence ", after.value,
      " are no longer retained; the oldest is ", floor.Next().value));
}

absl::Status EnvelopeIndexDamaged(const std::string& detail) {
  return absl::UnavailableError(
      absl::StrCat("the index by envelope cannot be read: ", detail));
}

// True if a record of `size` bytes still belongs to the read.
bool Fits(const Chunk& chunk, size_t size, const ReadLimits& limits) {
  if (chunk.records.empty()) return true;
  return chunk.records.size() < limits.events_max &&
         chunk.bytes.size() + size <=
             std::min(limits.bytes_max, kChunkBytesMax);
}

// The first `count` records of `chunk`.
LogRange RangeOf(std::shared_ptr<const Chunk> chunk, size_t count) {
  LogRange range;
  range.end = chunk->records[count - 1].sequence;
  range.spans.push_back({.chunk = std::move(chunk), .first = 0, .last = count});
  return range;
}

LogRange RangeOf(std::shared_ptr<const Chunk> chunk) {
  const size_t count = chunk->records.size();
  return RangeOf(std::move(chunk), count);
}

// Gathers a read: the records within its limits, and behind them what else is
// in the group of the last.
class Gathering {
 public:
  explicit Gathering(const ReadLimits& limits) : limits_(limits) {}

  // Adds the records of `group` from `first` to `last`. Says what is wrong with
  // one, if that is within the limits.
  absl::Status Add(const StoredGroup& group, Sequence first, Sequence last);

  Chunk& chunk() { return *chunk_; }
  // Whether the limits are reached, so that no further group is of use.
  bool full() const { return full_; }
  LogRange Range() && { return RangeOf(std::move(chunk_), count_); }

 private:
  absl::Status Check(const std::optional<StoredRecord>& record,
                     Sequence sequence) const;

  const ReadLimits limits_;
  std::shared_ptr<Chunk> chunk_ = std::make_shared<Chunk>();
  size_t count_ = 0;  // of records within the limits
  bool full_ = false;
  uint64_t end_offset_ = 0;  // of the last record, if there is one
};

absl::Status Gathering::Add(const StoredGroup& group, Sequence first,
                            Sequence last) {
  const std::optional<StoredRecord> head = group.Record(first);
  if (head.has_value() && !Fits(*chunk_, head->frame.size(), limits_)) {
    // Nothing of it belongs to the read.
    full_ = true;
    return absl::OkStatus();
  }
  for (Sequence at = first; at <= std::min(last, group.last());
       at = at.Next()) {
    const std::optional<StoredRecord> record = group.Record(at);
    const absl::Status whole = Check(record, at);
    if (!whole.ok()) return full_ ? absl::OkStatus() : whole;
    full_ = full_ || !Fits(*chunk_, record->frame.size(), limits_);
    if (!full_) ++count_;
    end_offset_ = record->position.end_offset;
    AppendStored(*record, *chunk_);
  }
  return absl::OkStatus();
}

absl::Status Gathering::Check(const std::optional<StoredRecord>& record,
                              Sequence sequence) const {
  if (!record.has_value()) return CorruptRecord(sequence, kMisfit);
  if (!chunk_->records.empty() &&
      record->position.end_offset != end_offset_ + record->frame.size()) {
    return CorruptRecord(sequence, "its offset does not follow the last one");
  }
  return absl::OkStatus();
}

// Gathers the records after `after`, up to `last`; says what is wrong with the
// one it stopped at, if it is.
absl::Status Scan(const Store& store, Sequence after, Sequence last,
                  Gathering& gathering) {
  rocksdb::ReadOptions options;
  // A reader far behind must not push out what others need.
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it = store.Records(options);
  Sequence next = after.Next();
  for (it->Seek(EncodeSequence(next)); it->Valid() && next <= last;
       it->Next()) {
    const std::optional<StoredGroup> group =
        StoredGroup::Decode(FromSlice(it->key()), FromSlice(it->value()));
    if (!group.has_value()) return CorruptRecord(next, kMisfit);
    if (!group->Holds(next)) break;
    absl::Status added = gathering.Add(*group, next, last);
    if (!added.ok() || gathering.full()) return added;
    next = group->last().Next();
  }
  if (it->status().IsCorruption()) {
    return CorruptRecord(next, it->status().ToString());
  }
  if (!it->status().ok()) return FromRocksdb(it->status(), "read records");
  if (next <= last) return CorruptRecord(next, kMissing);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LogRange> StoreReader::Read(Sequence after,
                                           const ReadLimits& limits) const {
  const Sequence last = extent_.last().sequence;
  const Sequence floor = extent_.floor().sequence;
  if (after < floor) return NoLongerRetained(after, floor);
  if (after >= last) return LogRange{.spans = {}, .end = after};

  Gathering gathering(limits);
  ReserveFor(after, limits, gathering.chunk());
  absl::Status status = Scan(store_, after, last, gathering);
  // Retention may have taken away what was to be read.
  const Sequence floor_now = extent_.floor().sequence;
  if (after < floor_now) return NoLongerRetained(after, floor_now);
  if (gathering.chunk().records.empty()) return status;
  return std::move(gathering).Range();
}

void StoreReader::ReserveFor(Sequence after, const ReadLimits& limits,
                             Chunk& chunk) const {
  const Position floor = extent_.floor();
  const Position last = extent_.last();
  const uint64_t retained = last.sequence.value - floor.sequence.value;
  const size_t records =
      std::min(limits.events_max, last.sequence.value - after.value);
  const size_t record_bytes =
      (last.end_offset - floor.end_offset) / std::max(retained, uint64_t{1});
  const size_t bytes_max = std::min(limits.bytes_max, kReserveBytesMax);
  const size_t records_fitting =
      std::min(records, bytes_max / std::max(record_bytes, size_t{1}) + 1);
  const size_t group_records =
      kGroupBytesMax / std::max(record_bytes, size_t{1});
  chunk.bytes.reserve(records_fitting * record_bytes + kGroupBytesMax);
  chunk.records.reserve(records_fitting + group_records);
}

absl::StatusOr<std::vector<Sequence>> StoreReader::EnvelopeSequences(
    std::span<const std::string> envelope_ids, Sequence after, Sequence last,
    size_t events_max) const {
  std::vector<std::string> ids(envelope_ids.begin(), envelope_ids.end());
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());

  // The newest of those found on top: it goes when an older one comes.
  std::priority_queue<Sequence> found;
  const std::unique_ptr<rocksdb::Iterator> it =
      store_.EnvelopeIndex(rocksdb::ReadOptions());
  for (const std::string& id : ids) {
    const std::string prefix = EnvelopePrefix(id);
    for (it->Seek(EnvelopeKey(id, after.Next()));
         it->Valid() && it->key().starts_with(prefix); it->Next()) {
      const std::optional<Sequence> sequence =
          EnvelopeKeySequence(FromSlice(it->key()));
      if (!sequence.has_value()) return EnvelopeIndexDamaged("a short key");
      const bool full = found.size() > events_max;
      if (*sequence > last || (full && *sequence > found.top())) break;
      if (full) found.pop();
      found.push(*sequence);
    }
    if (!it->status().ok()) {
      return EnvelopeIndexDamaged(it->status().ToString());
    }
  }
  std::vector<Sequence> sequences(found.size());
  for (size_t i = found.size(); i > 0; --i) {
    sequences[i - 1] = found.top();
    found.pop();
  }
  return sequences;
}

absl::StatusOr<LogRange> StoreReader::ReadEnvelopes(
    std::span<const std::string> envelope_ids, Sequence after,
    const ReadLimits& limits) const {
  const Sequence last = extent_.last().sequence;
  const Sequence begin = std::max(after, extent_.floor().sequence);
  const absl::StatusOr<std::vector<Sequence>> sequences =
      EnvelopeSequences(envelope_ids, begin, last, limits.events_max);
  if (!sequences.ok()) return sequences.status();

  const auto chunk = std::make_shared<Chunk>();
  RecordFinder finder(store_);
  for (const Sequence sequence : *sequences) {
    const absl::StatusOr<StoredRecord> record = finder.Find(sequence);
    if (!record.ok()) {
      // Removed meanwhile: no part of the history any more.
      if (!extent_.IsRetained(sequence)) continue;
      if (chunk->records.empty()) return record.status();
      return RangeOf(chunk);
    }
    if (!Fits(*chunk, record->frame.size(), limits)) return RangeOf(chunk);
    AppendStored(*record, *chunk);
  }
  LogRange range;
  if (!chunk->records.empty()) range = RangeOf(chunk);
  range.end = std::max(last, after);
  return range;
}

absl::StatusOr<ChunkSpan> StoreReader::Get(Sequence sequence) const {
  const absl::Status absent =
      absl::NotFoundError(absl::StrCat("no event ", sequence.value));
  if (!extent_.IsRetained(sequence)) return absent;
  RecordFinder finder(store_);
  const absl::StatusOr<StoredRecord> record = finder.Find(sequence);
  if (!extent_.IsRetained(sequence)) return absent;
  if (!record.ok()) return record.status();
  const auto chunk = std::make_shared<Chunk>();
  AppendStored(*record, *chunk);
  return ChunkSpan{.chunk = chunk, .first = 0, .last = 1};
}

absl::StatusOr<Sequence> StoreReader::FindEventId(
    std::string_view event_id) const {
  absl::StatusOr<Sequence> found = store_.FindEventIds({event_id}).front();
  if (found.ok() && !extent_.IsRetained(*found)) {
    return absl::NotFoundError("no such event");
  }
  return found;
}

absl::StatusOr<Sequence> StoreReader::FindTime(absl::Time time) const {
  const absl::StatusOr<Position> before =
      FindBefore([time](const Probe& probe) {
        return absl::FromUnixMicros(probe.position.receive_time_micros) >= time;
      });
  if (!before.ok()) return before.status();
  return before->sequence;
}

absl::StatusOr<StoreReader::Probe> StoreReader::FirstWhole(
    Sequence first, Sequence end, RecordFinder& finder) const {
  for (Sequence at = first; at < end; at = at.Next()) {
    const absl::StatusOr<StoredRecord> record = finder.Find(at);
    if (record.ok()) {
      return Probe{
          .position = record->position,
          .begin_offset = record->position.end_offset - record->frame.size()};
    }
    if (!absl::IsDataLoss(record.status())) return record.status();
    // Not damaged, but removed meanwhile, and so is more: the caller knows.
    if (!extent_.IsRetained(at)) break;
  }
  return absl::NotFoundError("no whole record");
}

absl::StatusOr<Position> StoreReader::FindBefore(
    absl::FunctionRef<bool(const Probe&)> reached) const {
  Position before = extent_.floor();
  Sequence end = extent_.last().sequence.Next();
  RecordFinder finder(store_);
  while (before.sequence.Next() < end) {
    const Sequence middle{before.sequence.value +
                          (end.value - before.sequence.value) / 2};
    const absl::StatusOr<Probe> probe = FirstWhole(middle, end, finder);
    if (!probe.ok() && !absl::IsNotFound(probe.status())) return probe.status();
    const Position floor = extent_.floor();
    if (floor.sequence > before.sequence) {
      // Retention has overtaken the search: it goes on above.
      before = floor;
      end = std::max(end, before.sequence.Next());
    } else if (!probe.ok() || reached(*probe)) {
      end = middle;
    } else {
      before = probe->position;
    }
  }
  return before;
}

absl::StatusOr<int64_t> StoreReader::EarliestMicrosAfter(
    const Position& floor) const {
  const Sequence end = extent_.last().sequence.Next();
  RecordFinder finder(store_);
  const absl::StatusOr<Probe> probe =
      FirstWhole(floor.sequence.Next(), end, finder);
  if (probe.ok()) return probe->position.receive_time_micros;
  if (absl::IsNotFound(probe.status())) return floor.receive_time_micros;
  return probe.status();
}

}  // namespace enveloperelay
