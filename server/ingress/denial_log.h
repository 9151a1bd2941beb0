#ifndef ENVELOPE_RELAY_SERVER_INGRESS_DENIAL_LOG_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_DENIAL_LOG_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Keeps strangers from filling the log: of what happens often, one line a
// second is written. Thread-safe.
class DenialLog {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // It has happened. If a line is due, returns how often it has happened since
  // the last line, besides this time.
  std::optional<uint64_t> Note(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  absl::Time last_line_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t unsaid_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_DENIAL_LOG_H_
