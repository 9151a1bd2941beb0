#include "server/readiness.h"

#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"

namespace enveloperelay {

absl::Status Readiness::Get() const {
  const MutexLock lock(mutex_);
  return log_ == nullptr ? not_serving_ : log_->Health();
}

void Readiness::SetServing(const EventLog& log) {
  const MutexLock lock(mutex_);
  log_ = &log;
}

void Readiness::SetDraining() {
  const MutexLock lock(mutex_);
  const absl::Status health =
      log_ == nullptr ? absl::OkStatus() : log_->Health();
  not_serving_ = health.ok() ? absl::UnavailableError("draining") : health;
  log_ = nullptr;
}

}  // namespace enveloperelay
