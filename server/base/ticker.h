#ifndef ENVELOPE_RELAY_SERVER_BASE_TICKER_H_
#define ENVELOPE_RELAY_SERVER_BASE_TICKER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Calls a function once an interval, on a thread of its own, until it goes.
class Ticker {
 public:
  Ticker(absl::Duration interval, std::function<void()> tick);
  // Returns when `tick` does not run any more, and will not.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForStop() ABSL_LOCKS_EXCLUDED(mutex_);

  const absl::Duration interval_;
  const std::function<void()> tick_;
  Mutex mutex_;
  CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_BASE_TICKER_H_
