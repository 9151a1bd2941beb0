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

// Returns how many bytes this process may still write in `dir`.
// Errors: kUnavailable.
absl::StatusOr<uint64_t> FreeDiskBytes(const std::string& dir);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_DATA_DIR_H_
