#ifndef ENVELOPE_RELAY_SERVER_LOG_APPEND_QUEUE_H_
#define ENVELOPE_RELAY_SERVER_LOG_APPEND_QUEUE_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"
#include "server/log/record.h"
#include "server/log/state_store.h"

namespace enveloperelay {

// An append that has not been answered.
struct PendingAppend {
  EncodedEvent event;
  EventLog::AppendDone done;
};

// A write of state that has not been answered.
struct PendingStateWrite {
  std::vector<StateChange> changes;
  StateStore::WriteDone done;
};

// What one commit writes: of either kind, oldest first.
struct CommitGroup {
  std::vector<PendingAppend> appends;
  std::vector<PendingStateWrite> state_writes;

  bool empty() const { return appends.empty() && state_writes.empty(); }
};

// Appends and writes of state on their way to the committing thread, which
// takes all that have gathered while it was busy: the group of its next commit.
// Appends are bounded in bytes. Thread-safe.
class AppendQueue {
 public:
  // Holds appends of at most `bytes_max` in all, those taken but not yet
  // released included.
  explicit AppendQueue(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Queues `append`, or leaves it untouched and says why not.
  // Errors: kResourceExhausted (full), kUnavailable (closed).
  absl::Status Push(PendingAppend& append) ABSL_LOCKS_EXCLUDED(mutex_);

  // As above, however full the queue is.
  // Errors: kUnavailable (closed).
  absl::Status Push(PendingStateWrite& write) ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits for appends or writes of state and takes them, oldest first, as many
  // as one commit may have. Nothing if the queue is closed and empty.
  CommitGroup TakeGroup() ABSL_LOCKS_EXCLUDED(mutex_);

  // The appends of the group taken last are done with: their bytes count no
  // more.
  void ReleaseGroup() ABSL_LOCKS_EXCLUDED(mutex_);

  // Appends that were queued and are not done with.
  size_t appends() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes no more; what is queued can still be taken.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void TakeAppends(std::vector<PendingAppend>& group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeStateWrites(std::vector<PendingStateWrite>& group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t bytes_max_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<PendingAppend> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<PendingStateWrite> waiting_state_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t taken_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t taken_appends_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_APPEND_QUEUE_H_
