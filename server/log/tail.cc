#include "server/log/tail.h"

#include <unordered_map>
#include <utility>

#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/log/sequence.h"

namespace enveloperelay {

Sequence Tail::end() const {
  const MutexLock lock(mutex_);
  return end_;
}

Tail::WaitId Tail::NotifyPast(Sequence after, Wake wake) {
  {
    const MutexLock lock(mutex_);
    RELAY_CHECK(after <= end_);
    if (after == end_) {
      waiting_.emplace(++last_id_, std::move(wake));
      return last_id_;
    }
  }
  std::move(wake)();
  return 0;
}

bool Tail::Cancel(WaitId id) {
  // Destroyed outside of the lock: what it holds may be anything.
  Wake forgotten;
  {
    const MutexLock lock(mutex_);
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return false;
    forgotten = std::move(found->second);
    waiting_.erase(found);
  }
  return true;
}

void Tail::Advance(Sequence end) {
  std::unordered_map<WaitId, Wake> due;
  {
    const MutexLock lock(mutex_);
    RELAY_CHECK(end > end_);
    end_ = end;
    due.swap(waiting_);
  }
  for (auto& [id, wake] : due) std::move(wake)();
}

}  // namespace enveloperelay
