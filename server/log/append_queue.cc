#include "server/log/append_queue.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"

namespace enveloperelay {
namespace {

// Bounds of one commit: how long its sync may take, how large its chunk is.
// They hold for appends and for writes of state, each by itself, so that
// neither keeps the other out.
constexpr size_t kCommitEventsMax = 4096;
constexpr size_t kCommitStateWritesMax = 4096;
constexpr size_t kCommitBytesMax = size_t{4} << 20;

size_t BytesOf(const std::vector<StateChange>& changes) {
  size_t bytes = 0;
  for (const StateChange& change : changes) {
    bytes += change.key.size() + change.range_end.size();
    if (change.value.has_value()) bytes += change.value->size();
  }
  return bytes;
}

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

absl::Status AppendQueue::Push(PendingStateWrite& write) {
  const MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the log is closing");
  waiting_state_.push_back(std::move(write));
  if (waiting_state_.size() == 1) changed_.NotifyAll();
  return absl::OkStatus();
}

CommitGroup AppendQueue::TakeGroup() {
  CommitGroup group;
  const MutexLock lock(mutex_);
  while (waiting_.empty() && waiting_state_.empty() && !closed_) {
    changed_.Wait(mutex_);
  }
  TakeAppends(group.appends);
  taken_appends_ = group.appends.size();
  TakeStateWrites(group.state_writes);
  return group;
}

void AppendQueue::TakeAppends(std::vector<PendingAppend>& group) {
  while (!waiting_.empty() && group.size() < kCommitEventsMax) {
    const size_t bytes = waiting_.front().event.size();
    if (!group.empty() && taken_bytes_ + bytes > kCommitBytesMax) break;
    waiting_bytes_ -= bytes;
    taken_bytes_ += bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void AppendQueue::TakeStateWrites(std::vector<PendingStateWrite>& group) {
  size_t group_bytes = 0;
  while (!waiting_state_.empty() && group.size() < kCommitStateWritesMax) {
    group_bytes += BytesOf(waiting_state_.front().changes);
    if (!group.empty() && group_bytes > kCommitBytesMax) break;
    group.push_back(std::move(waiting_state_.front()));
    waiting_state_.pop_front();
  }
}

void AppendQueue::ReleaseGroup() {
  const MutexLock lock(mutex_);
  taken_bytes_ = 0;
  taken_appends_ = 0;
}

size_t AppendQueue::appends() const {
  const MutexLock lock(mutex_);
  return waiting_.size() + taken_appends_;
}

void AppendQueue::Close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

}  // namespace enveloperelay
