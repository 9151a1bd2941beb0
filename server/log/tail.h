#ifndef ENVELOPE_RELAY_SERVER_LOG_TAIL_H_
#define ENVELOPE_RELAY_SERVER_LOG_TAIL_H_

#include <cstdint>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "server/base/mutex.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// Tells readers that the log has grown. The log announces; it does not know
// who listens. Thread-safe.
class Tail {
 public:
  using Wake = absl::AnyInvocable<void() &&>;
  // Names a wait that has been entered; 0 names none.
  using WaitId = uint64_t;

  // Sequence of the newest event.
  Sequence end() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `wake` once, as soon as the log reaches past `after`: at once on
  // this thread, returning 0, if it already has, else on the thread that
  // appends, which it must not hold up. `after` is at most end().
  WaitId NotifyPast(Sequence after, Wake wake) ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets a wait, so that nothing is kept for a reader that has left. False
  // if it was already woken, is being woken, or is 0.
  bool Cancel(WaitId id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Moves the end to `end`, which only grows, and wakes whoever waits for it.
  void Advance(Sequence end) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  Sequence end_ ABSL_GUARDED_BY(mutex_);
  WaitId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // Every entry waits for a sequence past end_.
  std::unordered_map<WaitId, Wake> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_TAIL_H_
