#ifndef ENVELOPE_RELAY_SERVER_LOG_RECORD_FINDER_H_
#define ENVELOPE_RELAY_SERVER_LOG_RECORD_FINDER_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "rocksdb/iterator.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "server/log/store.h"

namespace enveloperelay {

// Finds single records in a store, as it was at some time since the finder was
// made. One of the group that the last one was in costs nearly nothing. For one
// thread.
class RecordFinder {
 public:
  // `store` must outlive the finder.
  explicit RecordFinder(const Store& store);

  // Returns a record; its bytes are there until the next call. Blocks on the
  // disk.
  // Errors: kDataLoss (see CorruptSequence), kUnavailable.
  absl::StatusOr<StoredRecord> Find(Sequence sequence);

 private:
  const Store& store_;
  std::unique_ptr<rocksdb::Iterator> it_;
  // The one that `it_` stands at.
  std::optional<StoredGroup> group_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_RECORD_FINDER_H_
