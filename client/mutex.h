#ifndef ENVELOPE_RELAY_CLIENT_MUTEX_H_
#define ENVELOPE_RELAY_CLIENT_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace enveloperelay::client {

// std::mutex with Abseil's annotations, so that Clang checks the locking at
// compile time.
class ABSL_LOCKABLE Mutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for the enclosing scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Lets a thread sleep until another one changes what a Mutex guards.
class CondVar {
 public:
  // Lets go of `mutex` while asleep. May wake early: call it in a loop.
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    sleepers_.wait(mutex);
  }
  // As Wait, but sleeps until `time` at most; max() is for ever.
  void WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point time)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (time == std::chrono::steady_clock::time_point::max()) {
      sleepers_.wait(mutex);
    } else {
      sleepers_.wait_until(mutex, time);
    }
  }
  void NotifyAll() { sleepers_.notify_all(); }

 private:
  std::condition_variable_any sleepers_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_MUTEX_H_
