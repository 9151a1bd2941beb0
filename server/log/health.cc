#include "server/log/health.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/mutex.h"

namespace enveloperelay {

void Health::Fail(const absl::Status& cause) {
  OnFailure on_failure;
  absl::Status failure;
  {
    const MutexLock lock(mutex_);
    if (!failure_.ok()) return;
    failure_ = absl::UnavailableError(
        absl::StrCat("the log's storage has failed: ", cause.message()));
    failure = failure_;
    on_failure = std::move(on_failure_);
  }
  if (on_failure) std::move(on_failure)(failure);
}

void Health::SetRoom(absl::Status room) {
  const MutexLock lock(mutex_);
  room_ = std::move(room);
}

absl::Status Health::Get() const {
  const MutexLock lock(mutex_);
  return failure_.ok() ? room_ : failure_;
}

absl::Status Health::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}

}  // namespace enveloperelay
