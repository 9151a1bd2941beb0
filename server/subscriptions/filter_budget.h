#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_FILTER_BUDGET_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_FILTER_BUDGET_H_

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Memory that the filters of all subscriptions take, in bytes. Thread-safe.
class FilterBudget {
 public:
  explicit FilterBudget(size_t bytes_max) : bytes_max_(bytes_max) {}

  // A filter of `before` bytes gives way to one of `after`; 0: there is none.
  // False, with nothing done: it is the larger one, and there is no room for
  // it.
  bool Replace(size_t before, size_t after) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    const size_t bytes = bytes_ - before + after;
    if (after > before && bytes > bytes_max_) return false;
    bytes_ = bytes;
    return true;
  }
  // Takes in a filter that is there already, room or not.
  void Add(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    bytes_ += bytes;
  }
  void Remove(size_t bytes) { Replace(bytes, 0); }

  size_t bytes_max() const { return bytes_max_; }

 private:
  const size_t bytes_max_;
  Mutex mutex_;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_FILTER_BUDGET_H_
