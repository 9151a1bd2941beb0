#include "server/log/store_options.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "rocksdb/advanced_options.h"
#include "rocksdb/cache.h"
#include "rocksdb/compaction_filter.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"
#include "rocksdb/table.h"
#include "rocksdb/types.h"
#include "rocksdb/write_buffer_manager.h"
#include "server/log/health.h"
#include "server/log/layout.h"
#include "server/log/rocksdb_status.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Reports background errors. Nothing is retried: after a failed sync the
// kernel may have dropped the very pages that were to be written.
class ErrorListener final : public rocksdb::EventListener {
 public:
  explicit ErrorListener(Health& health) : health_(health) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    health_.Fail(FromRocksdb(*error, "background error"));
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  Health& health_;
};

// Tells how long syncs of the write-ahead log take. RocksDB's own statistics
// would time and count much else, too.
class SyncListener final : public rocksdb::EventListener {
 public:
  explicit SyncListener(std::function<void(absl::Duration)> on_wal_synced)
      : on_wal_synced_(std::move(on_wal_synced)) {}

  bool ShouldBeNotifiedOnFileIO() override { return true; }
  void OnFileSyncFinish(const rocksdb::FileOperationInfo& info) override {
    if (info.status.ok() && info.path.ends_with(".log")) {
      on_wal_synced_(absl::FromChrono(info.duration));
    }
  }

 private:
  const std::function<void(absl::Duration)> on_wal_synced_;
};

// Returns the sequence that an entry belongs to.
using SequenceOf = std::optional<Sequence> (*)(const rocksdb::Slice& key,
                                               const rocksdb::Slice& value);

// Drops the entries of removed events.
class RemovedFilter final : public rocksdb::CompactionFilter {
 public:
  RemovedFilter(SequenceOf sequence_of, Sequence removed_up_to)
      : sequence_of_(sequence_of), removed_up_to_(removed_up_to) {}

  bool Filter(int /*level*/, const rocksdb::Slice& key,
              const rocksdb::Slice& value, std::string* /*new_value*/,
              bool* /*value_changed*/) const override {
    const std::optional<Sequence> sequence = sequence_of_(key, value);
    return sequence.has_value() && *sequence <= removed_up_to_;
  }
  const char* Name() const override { return "enveloperelay.RemovedFilter"; }

 private:
  const SequenceOf sequence_of_;
  const Sequence removed_up_to_;
};

class RemovedFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  RemovedFilterFactory(SequenceOf sequence_of,
                       std::shared_ptr<const RemovedUpTo> removed_up_to)
      : sequence_of_(sequence_of), removed_up_to_(std::move(removed_up_to)) {}

  bool ShouldFilterTableFileCreation(
      rocksdb::TableFileCreationReason reason) const override {
    return reason == rocksdb::TableFileCreationReason::kCompaction ||
           reason == rocksdb::TableFileCreationReason::kFlush;
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& /*context*/) override {
    return std::make_unique<RemovedFilter>(sequence_of_,
                                           Sequence{removed_up_to_->load()});
  }
  const char* Name() const override {
    return "enveloperelay.RemovedFilterFactory";
  }

 private:
  const SequenceOf sequence_of_;
  const std::shared_ptr<const RemovedUpTo> removed_up_to_;
};

rocksdb::BlockBasedTableOptions TableOptions(
    const std::shared_ptr<rocksdb::Cache>& cache, size_t block_size) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_size;
  table.format_version = 5;
  // In the cache, so that the cache bounds them too.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  return table;
}

rocksdb::ColumnFamilyOptions FamilyOptions(
    const rocksdb::BlockBasedTableOptions& table) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = 16 * kMiB;
  family.max_write_buffer_number = 4;
  // A first write takes a whole block of the memory that all families share.
  // RocksDB's 1 MiB each would fill that of the smallest cache with blocks that
  // are nearly empty, and a flush would follow every few writes.
  family.arena_block_size = kMiB / 8;
  family.compression = rocksdb::kLZ4Compression;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

rocksdb::ColumnFamilyOptions SubscriptionsOptions(
    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family =
      FamilyOptions(TableOptions(cache, 4096));
  // Nearly all that is written is soon overwritten or removed. It is to go
  // early, since a start reads past all of it.
  family.level0_file_num_compaction_trigger = 2;
  return family;
}

}  // namespace

rocksdb::DBOptions MakeDbOptions(const StoreOptions& store, Health& health) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;

  // What was acknowledged is there after a crash, or opening fails: only the
  // unfinished end of the write-ahead log may be missing.
  options.paranoid_checks = true;
  options.wal_recovery_mode =
      rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<ErrorListener>(health));
  options.listeners.push_back(
      std::make_shared<SyncListener>(store.on_wal_synced));

  // Bounds what a start has to replay, and keeps the start from writing it.
  options.max_total_wal_size = 64 * kMiB;
  options.avoid_flush_during_recovery = true;
  options.skip_stats_update_on_db_open = true;

  options.max_background_jobs = 2;
  options.max_open_files = 512;
  options.max_manifest_file_size = 64 * kMiB;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = kMiB;
  options.keep_log_file_num = 4;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> ColumnFamilies(
    const StoreOptions& options, rocksdb::DBOptions& db_options,
    const std::shared_ptr<const RemovedUpTo>& removed_up_to) {
  const std::shared_ptr<rocksdb::Cache> cache =
      rocksdb::NewLRUCache(options.cache_bytes, /*num_shard_bits=*/2);
  db_options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(options.cache_bytes / 2,
                                                    cache);

  const rocksdb::ColumnFamilyOptions meta =
      FamilyOptions(TableOptions(cache, 4096));

  rocksdb::ColumnFamilyOptions records =
      FamilyOptions(TableOptions(cache, 16384));
  records.compaction_filter_factory = std::make_shared<RemovedFilterFactory>(
      [](const rocksdb::Slice& key, const rocksdb::Slice& /*value*/) {
        return GroupKeyLast(FromSlice(key));
      },
      removed_up_to);

  rocksdb::BlockBasedTableOptions by_event_id_table = TableOptions(cache, 4096);
  by_event_id_table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  by_event_id_table.optimize_filters_for_memory = true;
  rocksdb::ColumnFamilyOptions by_event_id = FamilyOptions(by_event_id_table);
  // Nearly every id that is looked for is new. So it is not to be searched for
  // where the newest are either.
  by_event_id.memtable_whole_key_filtering = true;
  by_event_id.memtable_prefix_bloom_size_ratio = 0.02;  // 10 bits an id
  // Hashes: there is nothing to compress.
  by_event_id.compression = rocksdb::kNoCompression;
  // A filter is read as a whole, so it is kept small.
  by_event_id.target_file_size_base = 16 * kMiB;
  by_event_id.compaction_filter_factory =
      std::make_shared<RemovedFilterFactory>(
          [](const rocksdb::Slice& /*key*/, const rocksdb::Slice& value) {
            return DecodeSequence(FromSlice(value));
          },
          removed_up_to);

  rocksdb::ColumnFamilyOptions by_envelope =
      FamilyOptions(TableOptions(cache, 4096));
  by_envelope.compaction_filter_factory =
      std::make_shared<RemovedFilterFactory>(
          [](const rocksdb::Slice& key, const rocksdb::Slice& /*value*/) {
            return EnvelopeKeySequence(FromSlice(key));
          },
          removed_up_to);

  return {{rocksdb::kDefaultColumnFamilyName, meta},
          {kRecordsName, records},
          {kByEventIdName, by_event_id},
          {kByEnvelopeName, by_envelope},
          {kSubscriptionsName, SubscriptionsOptions(cache)},
          {kDeadLettersName, FamilyOptions(TableOptions(cache, 16384))},
          {kQuarantineName, FamilyOptions(TableOptions(cache, 16384))}};
}

}  // namespace enveloperelay
