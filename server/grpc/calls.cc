#include "server/grpc/calls.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/stream/errors.h"

namespace enveloperelay {

absl::Status Calls::Enter(std::shared_ptr<Drainable> call, Kind kind,
                          size_t filter_bytes) {
  const MutexLock lock(mutex_);
  if (draining_ && kind != Kind::kManage) return DrainingError();
  const bool stream = kind == Kind::kStream;
  const size_t calls_max =
      stream ? limits_.streams_max : limits_.unary_calls_max;
  if (Count(kind) >= calls_max) {
    return StreamLimitError(
        absl::StrCat("the relay serves at most ", calls_max,
                     stream ? " streams" : " calls of this kind", " at once"));
  }
  if (filter_bytes > 0 &&
      filter_bytes_ + filter_bytes > limits_.filter_bytes_max) {
    return StreamLimitError(
        absl::StrCat("the filters of all streams take at most ",
                     limits_.filter_bytes_max, " bytes; use a shorter one"));
  }
  ++Count(kind);
  filter_bytes_ += filter_bytes;
  const Drainable* key = call.get();
  entries_.emplace(key, Entry{.call = std::move(call),
                              .kind = kind,
                              .filter_bytes = filter_bytes});
  return absl::OkStatus();
}

void Calls::Leave(const Drainable* call) {
  // Destroyed outside of the lock.
  std::shared_ptr<Drainable> left;
  const MutexLock lock(mutex_);
  const auto found = entries_.find(call);
  if (found == entries_.end()) return;
  --Count(found->second.kind);
  filter_bytes_ -= found->second.filter_bytes;
  left = std::move(found->second.call);
  entries_.erase(found);
  if (entries_.empty()) emptied_.NotifyAll();
}

void Calls::Drain() {
  std::vector<std::shared_ptr<Drainable>> calls;
  {
    const MutexLock lock(mutex_);
    draining_ = true;
    calls.reserve(entries_.size());
    for (const auto& [key, entry] : entries_) calls.push_back(entry.call);
  }
  for (const std::shared_ptr<Drainable>& call : calls) call->Drain();
}

bool Calls::draining() const {
  const MutexLock lock(mutex_);
  return draining_;
}

bool Calls::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  const MutexLock lock(mutex_);
  while (!entries_.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) return false;
    emptied_.WaitFor(mutex_, absl::FromChrono(left));
  }
  return true;
}

}  // namespace enveloperelay
