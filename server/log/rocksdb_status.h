#ifndef ENVELOPE_RELAY_SERVER_LOG_ROCKSDB_STATUS_H_
#define ENVELOPE_RELAY_SERVER_LOG_ROCKSDB_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace enveloperelay {

// Returns RocksDB's error as ours; `doing` says what was being done. Not found
// is kNotFound, corruption kDataLoss, no space kResourceExhausted, everything
// else kUnavailable.
absl::Status FromRocksdb(const rocksdb::Status& status, std::string_view doing);

inline rocksdb::Slice ToSlice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
inline std::string_view FromSlice(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_ROCKSDB_STATUS_H_
