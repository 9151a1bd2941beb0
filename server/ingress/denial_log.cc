#include "server/ingress/denial_log.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

std::optional<uint64_t> DenialLog::Note(absl::Time now) {
  const MutexLock lock(mutex_);
  // A clock that was set back must not silence it.
  if (now >= last_line_ && now < last_line_ + kInterval) {
    ++unsaid_;
    return std::nullopt;
  }
  last_line_ = now;
  return std::exchange(unsaid_, 0);
}

}  // namespace enveloperelay
