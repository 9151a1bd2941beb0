#ifndef ENVELOPE_RELAY_SERVER_BASE_LOG_LIMIT_H_
#define ENVELOPE_RELAY_SERVER_BASE_LOG_LIMIT_H_

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Between two lines about what is refused to strangers.
inline constexpr absl::Duration kRefusalLineInterval = absl::Seconds(1);

// Keeps what strangers can cause again and again from filling the disk with
// lines: lets one an interval through. Thread-safe.
class LogLimit {
 public:
  explicit LogLimit(absl::Duration interval) : interval_(interval) {}

  // Returns how many lines were held back since the last one that was let
  // through, if this one may be logged at `now`; nothing if it is held back.
  std::optional<int> Admit(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const absl::Duration interval_;
  Mutex mutex_;
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int held_back_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_LOG_LIMIT_H_
