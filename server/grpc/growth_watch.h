#ifndef ENVELOPE_RELAY_SERVER_GRPC_GROWTH_WATCH_H_
#define ENVELOPE_RELAY_SERVER_GRPC_GROWTH_WATCH_H_

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "server/base/mutex.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"

namespace enveloperelay {

// Wakes any number of waiters when the log has grown, while the thread that
// commits, on which the log announces it, hands over a single job. Thread-safe.
class GrowthWatch {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // The log may have grown. Called once for each Wait(), on a thread of
    // `run`, without a lock held.
    virtual void OnGrowth() = 0;
  };
  // Runs a job soon, on another thread.
  using Run = std::function<void(absl::AnyInvocable<void() &&>)>;

  // `tail` outlives it; `run` must work until Close().
  GrowthWatch(Tail& tail, Run run);
  ~GrowthWatch() { Close(); }
  GrowthWatch(const GrowthWatch&) = delete;
  GrowthWatch& operator=(const GrowthWatch&) = delete;

  // Wakes `waiter` as soon as the log reaches past `after`, or earlier. Does
  // nothing more if it waits already.
  void Wait(std::shared_ptr<Waiter> waiter, Sequence after);
  // Forgets the waiter; an OnGrowth under way may still come.
  void Forget(const std::shared_ptr<Waiter>& waiter);
  // Forgets them all, for good: no job is handed over after this.
  void Close();

 private:
  using Waiters = absl::flat_hash_set<std::shared_ptr<Waiter>>;

  // Shared with what the tail holds, which may come when this is gone.
  struct State {
    Mutex mutex;
    // Only hands over, so it is called under the lock, and never once closed.
    Run run ABSL_GUARDED_BY(mutex);
    // A wait on the tail has been entered, or is being.
    bool armed ABSL_GUARDED_BY(mutex) = false;
    Waiters waiters ABSL_GUARDED_BY(mutex);
  };

  static void HandOver(const std::shared_ptr<State>& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(state->mutex);
  static void WakeAll(State& state) ABSL_LOCKS_EXCLUDED(state.mutex);

  Tail& tail_;
  const std::shared_ptr<State> state_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_GROWTH_WATCH_H_
