#ifndef ENVELOPE_RELAY_SERVER_LOG_HEALTH_H_
#define ENVELOPE_RELAY_SERVER_LOG_HEALTH_H_

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Whether the log takes appends. Thread-safe.
class Health {
 public:
  using OnFailure = absl::AnyInvocable<void(const absl::Status&) &&>;

  // `on_failure` is called at most once, by the thread that reports the first
  // failure.
  explicit Health(OnFailure on_failure) : on_failure_(std::move(on_failure)) {}

  // Storage has failed. After a failed write or sync nobody knows what is on
  // the disk, so this is final: the first one counts, as kUnavailable.
  void Fail(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(mutex_);

  // There is room on the disk (OK), or why not.
  void SetRoom(absl::Status room) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, the failure, or that there is no room.
  absl::Status Get() const ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or the failure.
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  OnFailure on_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status room_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_HEALTH_H_
