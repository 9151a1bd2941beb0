#ifndef ENVELOPERELAY_CURSOR_STORE_H_
#define ENVELOPERELAY_CURSOR_STORE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace enveloperelay::client {

// Remembers how far a subscriber has come, across restarts of the program.
// Implement it to keep the cursor elsewhere, e.g. in a database. Called on the
// thread that calls the Subscriber, by one thread at a time.
class CursorStore {
 public:
  virtual ~CursorStore() = default;

  // Returns the cursor that was stored last, or "" if none ever was.
  // Errors: any; they end the subscriber before it begins.
  virtual absl::StatusOr<std::string> Load() = 0;

  // Replaces the stored cursor. It is opaque text without spaces, less than
  // 1 KiB. What returned OK must be what Load() returns later.
  // Errors: any; they end the subscriber.
  virtual absl::Status Store(std::string_view cursor) = 0;
};

// Keeps the cursor while the object lives. Not thread-safe.
class MemoryCursorStore final : public CursorStore {
 public:
  absl::StatusOr<std::string> Load() override;
  absl::Status Store(std::string_view cursor) override;

 private:
  std::string cursor_;
};

// Keeps the cursor in a file of one line. A replacement is atomic and on disk
// when Store() returns: the cursor is written to `path`.tmp, synced and
// renamed, and the directory synced. So after any crash the file holds a whole
// cursor, the newest or the one before. One process at a time may use a path;
// its directory must exist.
class FileCursorStore final : public CursorStore {
 public:
  explicit FileCursorStore(std::string path);

  // A missing or empty file means that none was stored.
  // Errors: those of open(2) and read(2), kDataLoss (not a cursor file).
  absl::StatusOr<std::string> Load() override;

  // Errors: those of open(2), write(2), fsync(2) and rename(2); the file then
  // holds what it held before.
  absl::Status Store(std::string_view cursor) override;

 private:
  std::string path_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPERELAY_CURSOR_STORE_H_
