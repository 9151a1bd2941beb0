#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_

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
  // `steps` can be asked to step from any thread, until Close().
  explicit Mailbox(StepScheduler& steps) : steps_(&steps) {}

  // Gives the handout back if the stream has ended.
  std::optional<Handout> Put(Handout handout) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (steps_ == nullptr) return handout;
    handout_ = std::move(handout);
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
    return std::exchange(handout_, std::nullopt);
  }
  // OK while the worker is in.
  absl::Status end() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return end_;
  }
  // The stream has ended. Returns what it has not taken.
  std::optional<Handout> Close() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    steps_ = nullptr;
    return std::exchange(handout_, std::nullopt);
  }

 private:
  mutable Mutex mutex_;
  StepScheduler* steps_ ABSL_GUARDED_BY(mutex_);
  std::optional<Handout> handout_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_MAILBOX_H_
