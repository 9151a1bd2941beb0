#ifndef ENVELOPE_RELAY_SERVER_BASE_WATCHED_FILES_H_
#define ENVELOPE_RELAY_SERVER_BASE_WATCHED_FILES_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/ticker.h"

namespace enveloperelay {

// The whole of a file of at most `bytes_max` bytes.
// Errors, with the path: kInvalidArgument (larger, or no regular file),
// kNotFound, kPermissionDenied, kUnknown.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

// Files that are read again when what they hold has changed, however it came
// about: written, renamed, or swapped behind a symbolic link, as Kubernetes
// does with the files of a Secret. Reads them on a thread of its own, once an
// interval. Thread-safe.
class WatchedFiles {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(1);
  static constexpr size_t kFileBytesMax = size_t{1} << 20;

  // Takes what the files of a group hold now, in the order of their paths. An
  // error, whose message says which file is wrong and repeats no secret, leaves
  // what was taken before in force.
  using Take = std::function<absl::Status(std::span<const std::string> texts)>;

  explicit WatchedFiles(absl::Duration interval = kInterval)
      : interval_(interval) {}
  // Returns when no `Take` runs any more, and none will.
  ~WatchedFiles() = default;
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  // Reads files that belong together, hands them to `take` before it returns,
  // and from then on again, on another thread, whenever one of them has
  // changed; then what it says is logged. Errors: as of ReadFile and `take`;
  // then the files are not watched.
  absl::Status Watch(std::vector<std::string> paths, Take take)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Group {
    std::vector<std::string> paths;
    Take take;
    std::string seen;  // digest of what was read last
    std::string problem;
  };

  void LookAgain() ABSL_LOCKS_EXCLUDED(mutex_);
  static void LookAgain(Group& group);

  const absl::Duration interval_;
  Mutex mutex_;
  std::vector<Group> groups_ ABSL_GUARDED_BY(mutex_);
  // From the first group on. Comes last, so that it goes before what it uses.
  std::unique_ptr<Ticker> ticker_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_WATCHED_FILES_H_
