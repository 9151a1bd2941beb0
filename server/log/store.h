#ifndef ENVELOPE_RELAY_SERVER_LOG_STORE_H_
#define ENVELOPE_RELAY_SERVER_LOG_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"
#include "rocksdb/write_batch.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/health.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/store_options.h"

namespace enveloperelay {

// The RocksDB database of a log, with what FORMAT.md says is in it. Knows
// where things are stored, not what is retained. Thread-safe.
class Store {
 public:
  // Opens or creates the log in a directory. A background error of RocksDB is
  // reported to `health`, which must outlive the store.
  // Errors: kFailedPrecondition (another process has it open, it is no log, or
  // a newer version wrote it), kDataLoss (damaged), kUnavailable.
  static absl::StatusOr<std::unique_ptr<Store>> Open(
      const StoreOptions& options, Health& health);

  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  LogId log_id() const { return log_id_; }
  // The newest removed record, and the newest of all, when it was opened.
  const Position& floor_at_open() const { return floor_; }
  const Position& last_at_open() const { return last_; }

  // Adds the records of `chunk` to `batch`, in groups. The first of them begins
  // at `begin_offset`: the end_offset of the one before it.
  void PutRecords(const Chunk& chunk, uint64_t begin_offset,
                  rocksdb::WriteBatch& batch) const;

  // Adds the index entries of an event to `batch`.
  void PutIndexEntries(Sequence sequence, std::string_view event_id,
                       std::string_view envelope_id,
                       rocksdb::WriteBatch& batch) const;

  // Adds a change of state to `batch`.
  void PutState(const StateChange& change, rocksdb::WriteBatch& batch) const;

  // Writes `batch` and returns when it is on the disk. Once it has failed, the
  // store cannot be written any more.
  absl::Status Write(rocksdb::WriteBatch& batch);

  // Notes durably that the records up to `floor` are removed. As Write.
  absl::Status WriteFloor(const Position& floor);

  // Lets go of the bytes of records up to `floor`, which WriteFloor has noted
  // and nobody is to read any more: whole files at once, what shares a file
  // with retained records when that is next compacted.
  absl::Status DropFiles(Sequence floor);

  // Returns where the events stand that have these ids; kNotFound for those
  // that the index does not know, kUnavailable where it cannot be read. May
  // return what has been removed.
  std::vector<absl::StatusOr<Sequence>> FindEventIds(
      const std::vector<std::string_view>& event_ids) const;

  // See StateStore::Get and StateStore::Scan.
  absl::StatusOr<std::string> GetState(StateTable table,
                                       std::string_view key) const;
  absl::Status ScanState(
      StateTable table, std::string_view begin, std::string_view end,
      absl::FunctionRef<bool(std::string_view key, std::string_view value)>
          visit) const;

  // Iterates over the groups of records, or over the index by envelope.
  std::unique_ptr<rocksdb::Iterator> Records(
      const rocksdb::ReadOptions& options) const;
  std::unique_ptr<rocksdb::Iterator> EnvelopeIndex(
      const rocksdb::ReadOptions& options) const;

  // Writes out what is in memory, so that the next start finds it in place.
  absl::Status Flush();

 private:
  Store() = default;
  absl::Status OpenDb(const StoreOptions& options, Health& health);
  // Reads what identifies the log; a new one is given its identity.
  absl::Status ReadMeta();
  absl::Status CreateMeta();
  // Notes durably that a log of an older version is now one of this version.
  absl::Status Upgrade();
  absl::StatusOr<std::string> GetMeta(std::string_view key) const;
  absl::Status ReadLast();
  rocksdb::ColumnFamilyHandle* Family(StateTable table) const;

  std::shared_ptr<RemovedUpTo> removed_up_to_ =
      std::make_shared<RemovedUpTo>(0);
  std::unique_ptr<rocksdb::DB> db_;
  // Owned; destroyed before db_.
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* records_ = nullptr;
  rocksdb::ColumnFamilyHandle* by_event_id_ = nullptr;
  rocksdb::ColumnFamilyHandle* by_envelope_ = nullptr;
  rocksdb::ColumnFamilyHandle* subscriptions_ = nullptr;
  rocksdb::ColumnFamilyHandle* dead_letters_ = nullptr;
  rocksdb::ColumnFamilyHandle* quarantine_ = nullptr;
  LogId log_id_;
  Position floor_;
  Position last_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_STORE_H_
