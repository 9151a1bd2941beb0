#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/dispatcher.h"

namespace enveloperelay {

// Between a subscription and the stream of one of its workers: what the one has
// put in steps the other. Thread-safe.
class Mailbox {
 public:
  // While fewer bytes are on their way to the worker, another handout is begun.
  // Each waits for a write of the store; if the next one waited for it, a
  // worker got one for each write. It bounds what a worker that does not read
  // costs.
  static constexpr size_t kAheadBytesMax = size_t{512} << 10;

  // `steps` can be asked to step from any thread, until Close().
  explicit Mailbox(StepScheduler& steps) : steps_(&steps) {}

  // A handout of so many bytes is on its way.
  void Expect(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    ahead_bytes_ += bytes;
  }
  // Whether there is room for another one.
  bool HasRoom() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return ahead_bytes_ < kAheadBytesMax;
  }
  // Gives the handout back if the stream has ended.
  std::optional<Handout> Put(Handout handout) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (steps_ == nullptr) return handout;
    handouts_.push_back(std::move(handout));
    steps_->StepSoon();
    return std::nullopt;
  }
  // The worker is out.
  void PutEnd(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (steps_ == nullptr) return;
    end_ = std::move(status);
    steps_->StepSoon();
  }

  std::optional<Handout> Take() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (handouts_.empty()) return std::nullopt;
    Handout handout = std::move(handouts_.front());
    handouts_.pop_front();
    ahead_bytes_ -= handout.batch.bytes();
    return handout;
  }
  // OK while the worker is in.
  absl::Status end() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return end_;
  }
  // The stream has ended. Returns what it has not taken.
  std::deque<Handout> Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    steps_ = nullptr;
    return std::exchange(handouts_, {});
  }

 private:
  mutable Mutex mutex_;
  StepScheduler* steps_ ABSL_GUARDED_BY(mutex_);
  std::deque<Handout> handouts_ ABSL_GUARDED_BY(mutex_);
  // Of those that are expected or here.
  size_t ahead_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_
