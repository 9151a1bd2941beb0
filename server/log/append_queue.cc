#include "server/log/append_queue.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/mutex.h"

namespace enveloperelay {
namespace {

// Bounds of one commit: how long its sync may take, how large its chunk is.
constexpr size_t kGroupEventsMax = 4096;
constexpr size_t kGroupBytesMax = size_t{4} << 20;

}  // namespace

absl::Status AppendQueue::Push(PendingAppend& append) {
  const size_t bytes = append.event.size();
  const MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the log is closing");
  if (bytes > bytes_max_ - (waiting_bytes_ + taken_bytes_)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "too many appends are waiting: ", waiting_bytes_ + taken_bytes_,
        " bytes of ", bytes_max_));
  }
  waiting_bytes_ += bytes;
  waiting_.push_back(std::move(append));
  if (waiting_.size() == 1) changed_.NotifyAll();
  return absl::OkStatus();
}

std::vector<PendingAppend> AppendQueue::TakeGroup() {
  std::vector<PendingAppend> group;
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !closed_) changed_.Wait(mutex_);
  while (!waiting_.empty() && group.size() < kGroupEventsMax) {
    const size_t bytes = waiting_.front().event.size();
    if (!group.empty() && taken_bytes_ + bytes > kGroupBytesMax) break;
    waiting_bytes_ -= bytes;
    taken_bytes_ += bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void AppendQueue::ReleaseGroup() {
  const MutexLock lock(mutex_);
  taken_bytes_ = 0;
}

void AppendQueue::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

}  // namespace enveloperelay
