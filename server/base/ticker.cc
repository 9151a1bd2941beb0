#include "server/base/ticker.h"

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace enveloperelay {

Ticker::Ticker(absl::Duration interval, std::function<void()> tick)
    : interval_(interval), tick_(std::move(tick)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  thread_.join();
}

void Ticker::Run() {
  while (!WaitForStop()) tick_();
}

bool Ticker::WaitForStop() {
  // Not the wall clock, which would stall it when set back.
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  const MutexLock lock(mutex_);
  // A wait may end for no reason.
  for (absl::Duration left = interval_; !stop_ && left > absl::ZeroDuration();
       left = interval_ - absl::FromChrono(Clock::now() - begin)) {
    stopped_.WaitFor(mutex_, left);
  }
  return stop_;
}

}  // namespace enveloperelay
