#ifndef ENVELOPE_RELAY_SERVER_READINESS_H_
#define ENVELOPE_RELAY_SERVER_READINESS_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"

namespace enveloperelay {

// Whether the relay takes webhooks and serves streams, as /readyz says it.
// Thread-safe.
class Readiness {
 public:
  // OK when it does. Errors: kUnavailable (starting, draining, storage has
  // failed), kResourceExhausted (disk full).
  absl::Status Get() const ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on it is as ready as `log` is healthy. The log must live until
  // SetDraining() has returned.
  void SetServing(const EventLog& log) ABSL_LOCKS_EXCLUDED(mutex_);
  // Draining, or what keeps the log from taking events.
  void SetDraining() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  absl::Status not_serving_ ABSL_GUARDED_BY(mutex_) =
      absl::UnavailableError("starting");
  const EventLog* log_ ABSL_GUARDED_BY(mutex_) = nullptr;  // set while serving
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_READINESS_H_
