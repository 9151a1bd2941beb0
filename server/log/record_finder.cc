#include "server/log/record_finder.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/options.h"
#include "rocksdb/status.h"
#include "server/log/errors.h"
#include "server/log/layout.h"
#include "server/log/rocksdb_status.h"
#include "server/log/sequence.h"
#include "server/log/store.h"

namespace enveloperelay {

RecordFinder::RecordFinder(const Store& store)
    : store_(store), it_(store.Records(rocksdb::ReadOptions())) {}

absl::StatusOr<StoredRecord> RecordFinder::Find(Sequence sequence) {
  if (!group_.has_value() || !group_->Holds(sequence)) {
    group_.reset();
    it_->Seek(EncodeSequence(sequence));
    const rocksdb::Status status = it_->status();
    if (!status.ok()) {
      // After an error it would not find what is whole.
      it_ = store_.Records(rocksdb::ReadOptions());
      return status.IsCorruption() ? CorruptRecord(sequence, status.ToString())
                                   : FromRocksdb(status, "read a record");
    }
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
