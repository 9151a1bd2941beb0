#ifndef ENVELOPE_RELAY_SERVER_LOG_STORE_OPTIONS_H_
#define ENVELOPE_RELAY_SERVER_LOG_STORE_OPTIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "server/log/health.h"

namespace enveloperelay {

struct StoreOptions {
  // Directory of the log; created if it is missing.
  std::string dir;
  // Memory for blocks read and, up to half of it, for what is not yet in a
  // table file.
  size_t cache_bytes;
  // Called with the time that each sync of the write-ahead log has taken, by
  // the thread that has synced. Until the store is destroyed.
  std::function<void(absl::Duration)> on_wal_synced = [](absl::Duration) {};
};

// Sequences up to here were removed by retention: flushes and compactions drop
// the records and index entries that belong to them.
using RemovedUpTo = std::atomic<uint64_t>;

// Column families of the database, in the order of ColumnFamilies().
inline constexpr char kRecordsName[] = "records";
inline constexpr char kByEventIdName[] = "by_event_id";
inline constexpr char kByEnvelopeName[] = "by_envelope";
inline constexpr char kSubscriptionsName[] = "subscriptions";
inline constexpr char kDeadLettersName[] = "dead_letters";
inline constexpr char kQuarantineName[] = "quarantine";

// How RocksDB is to be run. Background errors are reported to `health`, which
// must outlive the database.
rocksdb::DBOptions MakeDbOptions(const StoreOptions& store, Health& health);

// The column families: default (meta), records, by_event_id, by_envelope,
// subscriptions, dead_letters, quarantine.
std::vector<rocksdb::ColumnFamilyDescriptor> ColumnFamilies(
    const StoreOptions& options, rocksdb::DBOptions& db_options,
    const std::shared_ptr<const RemovedUpTo>& removed_up_to);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_STORE_OPTIONS_H_
