#ifndef ENVELOPE_RELAY_SERVER_LOG_DATA_DIR_H_
#define ENVELOPE_RELAY_SERVER_LOG_DATA_DIR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace enveloperelay {

// Makes sure that `dir` is a directory that can hold the log: creates it, for
// this user only (0700), if it is missing. True if a database is in it.
// Errors: kFailedPrecondition (it holds files that are no log, or another
// process has it open), kUnavailable.
absl::StatusOr<bool> PrepareDataDir(const std::string& dir);

// Makes durable what a process that was killed has written to the write-ahead
// logs and may not have synced: once it is replayed, readers see it.
// Errors: kUnavailable.
absl::Status SyncWriteAheadLogs(const std::string& dir);

// Of a file system.
struct DiskSpace {
  uint64_t free_bytes = 0;  // to a process that is not root
  uint64_t size_bytes = 0;
};

// Returns what there is on the file system of `dir`.
// Errors: kUnavailable.
absl::StatusOr<DiskSpace> GetDiskSpace(const std::string& dir);

// Returns what the files in `dir` take on the disk, as du counts it. Looks at
// each of them. Errors: kUnavailable.
absl::StatusOr<uint64_t> GetDiskUsage(const std::string& dir);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_DATA_DIR_H_
