#include "server/log/record_finder.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/options.h"
#include "server/log/errors.h"
#include "server/log/layout.h"
#include "server/log/rocksdb_status.h"
#include "server/log/sequence.h"
#include "server/log/store.h"

namespace enveloperelay {

RecordFinder::RecordFinder(const Store& store)
    : it_(store.Records(rocksdb::ReadOptions())) {}

absl::StatusOr<StoredRecord> RecordFinder::Find(Sequence sequence) {
  if (!group_.has_value() || !group_->Holds(sequence)) {
    group_.reset();
    it_->Seek(EncodeSequence(sequence));
    if (it_->status().IsCorruption()) {
      return CorruptRecord(sequence, it_->status().ToString());
    }
    if (!it_->status().ok()) return FromRocksdb(it_->status(), "read a record");
    if (!it_->Valid()) return CorruptRecord(sequence, kMissing);
    group_ =
        StoredGroup::Decode(FromSlice(it_->key()), FromSlice(it_->value()));
    if (!group_.has_value()) return CorruptRecord(sequence, kMisfit);
    if (!group_->Holds(sequence)) return CorruptRecord(sequence, kMissing);
  }
  const std::optional<StoredRecord> record = group_->Record(sequence);
  if (!record.has_value()) return CorruptRecord(sequence, kMisfit);
  return *record;
}

}  // namespace enveloperelay
