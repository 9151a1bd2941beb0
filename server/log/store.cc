#include "server/log/store.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"
#include "rocksdb/write_batch.h"
#include "server/base/check.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/data_dir.h"
#include "server/log/errors.h"
#include "server/log/health.h"
#include "server/log/layout.h"
#include "server/log/rocksdb_status.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/store_options.h"

namespace enveloperelay {
namespace {

// Keys of the default column family.
constexpr std::string_view kFormatKey = "format_version";
constexpr std::string_view kLogIdKey = "log_id";
constexpr std::string_view kFloorKey = "floor";

LogId NewLogId() {
  std::random_device random;
  static_assert(sizeof(random()) == 4);
  return LogId{(uint64_t{random()} << 32) | random()};
}

absl::Status InDir(const absl::Status& status, const std::string& dir) {
  if (status.ok()) return status;
  return {status.code(),
          absl::StrCat("open the log in '", dir, "': ", status.message())};
}

// A database with other column families than ours is not to be touched.
absl::Status CheckColumnFamilies(
    const std::string& dir, const rocksdb::DBOptions& options,
    const std::vector<rocksdb::ColumnFamilyDescriptor>& families) {
  std::vector<std::string> names;
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(options, dir, &names);
  if (!listed.ok()) return FromRocksdb(listed, "list column families");
  for (const std::string& name : names) {
    const bool known = std::ranges::any_of(
        families, [&name](const auto& family) { return family.name == name; });
    if (!known) {
      return absl::FailedPreconditionError(absl::StrCat(
          "it holds column family '", name,
          "', which this version does not know: a newer version or another "
          "program wrote it"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options,
                                                   Health& health) {
  // Not make_unique: the constructor is private.
  std::unique_ptr<Store> store(new Store());
  absl::Status status = store->OpenDb(options, health);
  if (status.ok()) status = store->ReadMeta();
  if (status.ok()) status = store->ReadLast();
  if (!status.ok()) return InDir(status, options.dir);
  return store;
}

Store::~Store() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* family :
       {meta_, records_, by_event_id_, by_envelope_, subscriptions_,
        dead_letters_, quarantine_}) {
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  // Everything written was synced: closing has nothing left to lose.
  db_->Close().PermitUncheckedError();
}

absl::Status Store::OpenDb(const StoreOptions& options, Health& health) {
  const absl::StatusOr<bool> has_database = PrepareDataDir(options.dir);
  if (!has_database.ok()) return has_database.status();

  rocksdb::DBOptions db_options = MakeDbOptions(options, health);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families =
      ColumnFamilies(options, db_options, removed_up_to_);
  if (*has_database) {
    absl::Status ours = CheckColumnFamilies(options.dir, db_options, families);
    if (!ours.ok()) return ours;
    absl::Status synced = SyncWriteAheadLogs(options.dir);
    if (!synced.ok()) return synced;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(db_options, options.dir, families, &handles, &db);
  if (!opened.ok()) return FromRocksdb(opened, "open the database");
  db_.reset(db);
  RELAY_CHECK(handles.size() == 7);
  meta_ = handles[0];
  records_ = handles[1];
  by_event_id_ = handles[2];
  by_envelope_ = handles[3];
  subscriptions_ = handles[4];
  dead_letters_ = handles[5];
  quarantine_ = handles[6];
  return absl::OkStatus();
}

absl::StatusOr<std::string> Store::GetMeta(std::string_view key) const {
  std::string value;
  const rocksdb::Status got =
      db_->Get(rocksdb::ReadOptions(), meta_, ToSlice(key), &value);
  if (!got.ok()) {
    return FromRocksdb(got, absl::StrCat("read ", std::string(key)));
  }
  return value;
}

absl::Status Store::ReadMeta() {
  const absl::StatusOr<std::string> format = GetMeta(kFormatKey);
  if (absl::IsNotFound(format.status())) return CreateMeta();
  if (!format.ok()) return format.status();
  const std::optional<Sequence> version = DecodeSequence(*format);
  if (!version.has_value() || version->value == 0) {
    return absl::DataLossError("its format version cannot be read");
  }
  if (version->value > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("a newer version wrote it: its format is ", version->value,
                     ", this version reads up to ", kFormatVersion));
  }

  const absl::StatusOr<std::string> log_id = GetMeta(kLogIdKey);
  if (!log_id.ok()) return log_id.status();
  const std::optional<Sequence> id = DecodeSequence(*log_id);
  const absl::StatusOr<std::string> floor_bytes = GetMeta(kFloorKey);
  if (!floor_bytes.ok()) return floor_bytes.status();
  const std::optional<Position> floor = DecodePosition(*floor_bytes);
  if (!id.has_value() || !floor.has_value()) {
    return absl::DataLossError("its identity cannot be read");
  }
  log_id_ = LogId{id->value};
  floor_ = *floor;
  removed_up_to_->store(floor_.sequence.value);
  return version->value < kFormatVersion ? Upgrade() : absl::OkStatus();
}

absl::Status Store::Upgrade() {
  // What versions 2 and 3 added are column families, and opening has created
  // them. What version 4 calls a group of one is what the others stored.
  rocksdb::WriteBatch batch;
  batch.Put(meta_, ToSlice(kFormatKey),
            EncodeSequence(Sequence{kFormatVersion}));
  return Write(batch);
}

absl::Status Store::CreateMeta() {
  for (rocksdb::ColumnFamilyHandle* family : {meta_, records_}) {
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions(), family));
    it->SeekToFirst();
    if (!it->status().ok()) return FromRocksdb(it->status(), "look into it");
    if (it->Valid()) {
      return absl::FailedPreconditionError(
          "it holds a database that is no log of this service");
    }
  }
  log_id_ = NewLogId();
  rocksdb::WriteBatch batch;
  // One batch: a log has all of them or is not there yet.
  batch.Put(meta_, ToSlice(kFormatKey),
            EncodeSequence(Sequence{kFormatVersion}));
  batch.Put(meta_, ToSlice(kLogIdKey), EncodeSequence(Sequence{log_id_.value}));
  batch.Put(meta_, ToSlice(kFloorKey), EncodePosition(floor_));
  return Write(batch);
}

absl::Status Store::ReadLast() {
  const std::unique_ptr<rocksdb::Iterator> it = Records(rocksdb::ReadOptions());
  it->SeekToLast();
  if (!it->status().ok()) {
    return FromRocksdb(it->status(), "read the last record");
  }
  last_ = floor_;
  if (!it->Valid()) return absl::OkStatus();
  const std::optional<Sequence> sequence = GroupKeyLast(FromSlice(it->key()));
  if (!sequence.has_value()) {
    return absl::DataLossError("the last record has no sequence");
  }
  if (*sequence <= floor_.sequence) return absl::OkStatus();
  const std::optional<StoredGroup> group =
      StoredGroup::Decode(FromSlice(it->key()), FromSlice(it->value()));
  const std::optional<StoredRecord> record =
      group.has_value() ? group->Record(*sequence) : std::nullopt;
  if (!record.has_value()) {
    return CorruptRecord(*sequence, kMisfit);
  }
  last_ = record->position;
  return absl::OkStatus();
}

void Store::PutRecords(const Chunk& chunk, uint64_t begin_offset,
                       rocksdb::WriteBatch& batch) const {
  std::span<const RecordRef> rest = chunk.records;
  while (!rest.empty()) {
    size_t count = 1;
    while (count < rest.size() &&
           rest[count].end - rest.front().begin <= kGroupBytesMax) {
      ++count;
    }
    const std::span<const RecordRef> group = rest.first(count);
    const std::string key = EncodeGroupKey(group.back().sequence,
                                           static_cast<uint32_t>(group.size()));
    const std::string headers = EncodeGroupHeaders(group, begin_offset);
    const size_t size = group.back().end - group.front().begin;
    const rocksdb::Slice key_slice(key);
    const rocksdb::Slice value[] = {
        headers, {chunk.bytes.data() + group.front().begin, size}};
    batch.Put(records_, rocksdb::SliceParts(&key_slice, 1),
              rocksdb::SliceParts(value, 2));
    begin_offset += size;
    rest = rest.subspan(count);
  }
}

void Store::PutIndexEntries(Sequence sequence, std::string_view event_id,
                            std::string_view envelope_id,
                            rocksdb::WriteBatch& batch) const {
  batch.Put(by_event_id_, EventIdKey(event_id), EncodeSequence(sequence));
  batch.Put(by_envelope_, EnvelopeKey(envelope_id, sequence), rocksdb::Slice());
}

rocksdb::ColumnFamilyHandle* Store::Family(StateTable table) const {
  switch (table) {
    case StateTable::kSubscriptions:
      return subscriptions_;
    case StateTable::kDeadLetters:
      return dead_letters_;
    case StateTable::kQuarantine:
      break;
  }
  return quarantine_;
}

void Store::PutState(const StateChange& change,
                     rocksdb::WriteBatch& batch) const {
  rocksdb::ColumnFamilyHandle* const family = Family(change.table);
  if (!change.range_end.empty()) {
    RELAY_CHECK(!change.value.has_value());
    // RocksDB fails the batch for a range that ends before it begins.
    if (change.range_end <= change.key) return;
    batch.DeleteRange(family, change.key, change.range_end);
  } else if (change.value.has_value()) {
    batch.Put(family, change.key, *change.value);
  } else {
    batch.Delete(family, change.key);
  }
}

absl::Status Store::Write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  return FromRocksdb(db_->Write(options, &batch), "write");
}

absl::Status Store::WriteFloor(const Position& floor) {
  rocksdb::WriteBatch batch;
  batch.Put(meta_, ToSlice(kFloorKey), EncodePosition(floor));
  return Write(batch);
}

absl::Status Store::DropFiles(Sequence floor) {
  removed_up_to_->store(floor.value);
  // Before any group whose last record is after the floor.
  const std::string first_kept = EncodeSequence(floor.Next());
  const rocksdb::Slice end(first_kept);
  // No DeleteRange for the rest: nobody reads below the floor, and a tombstone
  // would cost every reader above it.
  return FromRocksdb(
      rocksdb::DeleteFilesInRange(db_.get(), records_, nullptr, &end,
                                  /*include_end=*/false),
      "delete files");
}

std::vector<absl::StatusOr<Sequence>> Store::FindEventIds(
    const std::vector<std::string_view>& event_ids) const {
  const size_t count = event_ids.size();
  std::vector<std::string> keys;
  keys.reserve(count);
  for (const std::string_view id : event_ids) keys.push_back(EventIdKey(id));
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(count);
  std::vector<rocksdb::Status> statuses(count);
  db_->MultiGet(rocksdb::ReadOptions(), by_event_id_, count, slices.data(),
                values.data(), statuses.data());

  std::vector<absl::StatusOr<Sequence>> found;
  found.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::optional<Sequence> sequence =
        DecodeSequence(FromSlice(values[i]));
    if (statuses[i].ok() && sequence.has_value()) {
      found.emplace_back(*sequence);
    } else if (statuses[i].IsNotFound()) {
      found.emplace_back(absl::NotFoundError("no such event"));
    } else {
      found.emplace_back(absl::UnavailableError(absl::StrCat(
          "the index by event_id is damaged: ", statuses[i].ToString())));
    }
  }
  return found;
}

absl::StatusOr<std::string> Store::GetState(StateTable table,
                                            std::string_view key) const {
  std::string value;
  const rocksdb::Status got =
      db_->Get(rocksdb::ReadOptions(), Family(table), ToSlice(key), &value);
  if (!got.ok()) return FromRocksdb(got, "read state");
  return value;
}

absl::Status Store::ScanState(
    StateTable table, std::string_view begin, std::string_view end,
    absl::FunctionRef<bool(std::string_view key, std::string_view value)> visit)
    const {
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), Family(table)));
  for (it->Seek(ToSlice(begin)); it->Valid() && FromSlice(it->key()) < end;
       it->Next()) {
    if (!visit(FromSlice(it->key()), FromSlice(it->value()))) break;
  }
  return FromRocksdb(it->status(), "scan state");
}

std::unique_ptr<rocksdb::Iterator> Store::Records(
    const rocksdb::ReadOptions& options) const {
  return std::unique_ptr<rocksdb::Iterator>(
      db_->NewIterator(options, records_));
}

std::unique_ptr<rocksdb::Iterator> Store::EnvelopeIndex(
    const rocksdb::ReadOptions& options) const {
  return std::unique_ptr<rocksdb::Iterator>(
      db_->NewIterator(options, by_envelope_));
}

absl::Status Store::Flush() {
  return FromRocksdb(db_->Flush(rocksdb::FlushOptions(),
                                {meta_, records_, by_event_id_, by_envelope_,
                                 subscriptions_, dead_letters_}),
                     "flush");
}

}  // namespace enveloperelay
