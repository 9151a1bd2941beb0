#include "server/base/log_limit.h"

#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

std::optional<int> LogLimit::Admit(absl::Time now) {
  const MutexLock lock(mutex_);
  // A clock that was set back must not silence it.
  if (now < next_ && now >= next_ - interval_) {
    ++held_back_;
    return std::nullopt;
  }
  next_ = now + interval_;
  return std::exchange(held_back_, 0);
}

}  // namespace enveloperelay
