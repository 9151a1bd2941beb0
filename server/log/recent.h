#ifndef ENVELOPE_RELAY_SERVER_LOG_RECENT_H_
#define ENVELOPE_RELAY_SERVER_LOG_RECENT_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// The newest records of a log, in memory, one chunk a commit: what streams at
// its end are served from. Holds the newest chunk and as many before it as fit
// in `bytes_max`. Thread-safe; a reader keeps the chunks that it was given.
class Recent {
 public:
  // The log ends at `end`: nothing after it is known yet, nothing up to it is
  // held.
  Recent(Sequence end, size_t bytes_max) : bytes_max_(bytes_max), end_(end) {}

  // Appends a chunk whose records follow the end without a hole.
  void Add(std::shared_ptr<const Chunk> chunk) ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns records after `after`; none at the end of the log; nothing if the
  // record right after `after` is not held any more, or was trimmed.
  std::optional<LogRange> Read(Sequence after, const ReadLimits& limits) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Retention: what stands before `earliest` is not read any more.
  void Trim(Sequence earliest) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::shared_ptr<const Chunk> PopOldest()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t bytes_max_;
  mutable Mutex mutex_;
  Sequence end_ ABSL_GUARDED_BY(mutex_);
  Sequence earliest_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const Chunk>> chunks_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_RECENT_H_
