#ifndef ENVELOPE_RELAY_SERVER_LOG_STORE_READER_H_
#define ENVELOPE_RELAY_SERVER_LOG_STORE_READER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/extent.h"
#include "server/log/layout.h"
#include "server/log/record_finder.h"
#include "server/log/sequence.h"
#include "server/log/store.h"

namespace enveloperelay {

// Reads what is retained out of the store: what EventLog says of the functions
// of the same names. Retention may work beside it. Thread-safe.
class StoreReader {
 public:
  // Both must outlive the reader.
  StoreReader(const Store& store, const Extent& extent)
      : store_(store), extent_(extent) {}

  absl::StatusOr<LogRange> Read(Sequence after, const ReadLimits& limits) const;
  absl::StatusOr<LogRange> ReadEnvelopes(
      std::span<const std::string> envelope_ids, Sequence after,
      const ReadLimits& limits) const;
  absl::StatusOr<ChunkSpan> Get(Sequence sequence) const;
  absl::StatusOr<Sequence> FindEventId(std::string_view event_id) const;
  absl::StatusOr<Sequence> FindTime(absl::Time time) const;

  // A retained record, and where its frame begins among all that was appended.
  struct Probe {
    Position position;
    uint64_t begin_offset = 0;
  };
  // Returns the newest record before the first for which `reached` is true:
  // the floor if that is the oldest, the newest of all if there is none. Once
  // true, `reached` must be so for all later records. Damaged records count as
  // reached when the next whole one is: nothing is skipped because of them.
  // Errors: kUnavailable.
  absl::StatusOr<Position> FindBefore(
      absl::FunctionRef<bool(const Probe&)> reached) const;

  // Returns the receive time of the oldest whole record after `floor`, in
  // microseconds since the Unix epoch: that of `floor` if there is none.
  // Errors: kUnavailable.
  absl::StatusOr<int64_t> EarliestMicrosAfter(const Position& floor) const;

 private:
  // The first whole record from `first` to before `end`; kNotFound if none is.
  absl::StatusOr<Probe> FirstWhole(Sequence first, Sequence end,
                                   RecordFinder& finder) const;

  // Reserves what a read of records of the average size takes.
  void ReserveFor(Sequence after, const ReadLimits& limits, Chunk& chunk) const;
  // The first sequences from after `after` to `last` of these envelopes, in
  // order, one more than `events_max` if there are more.
  absl::StatusOr<std::vector<Sequence>> EnvelopeSequences(
      std::span<const std::string> envelope_ids, Sequence after, Sequence last,
      size_t events_max) const;

  const Store& store_;
  const Extent& extent_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_STORE_READER_H_
