#include "server/grpc/growth_watch.h"

#include <memory>
#include <utility>

#include "server/base/mutex.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"

namespace enveloperelay {

GrowthWatch::GrowthWatch(Tail& tail, Run run)
    : tail_(tail), state_(std::make_shared<State>()) {
  const MutexLock lock(state_->mutex);
  state_->run = std::move(run);
}

void GrowthWatch::Wait(std::shared_ptr<Waiter> waiter, Sequence after) {
  // Read before the waiter is in: one that comes in while this thread is still
  // arming is woken by what grows from here on.
  const Sequence end = tail_.end();
  bool arm = false;
  {
    const MutexLock lock(state_->mutex);
    if (!state_->run) return;
    state_->waiters.insert(std::move(waiter));
    arm = !std::exchange(state_->armed, true);
  }
  if (arm) {
    tail_.NotifyPast(end, [state = state_] {
      const MutexLock lock(state->mutex);
      state->armed = false;
      HandOver(state);
    });
  }
  if (tail_.end() > after) {
    const MutexLock lock(state_->mutex);
    HandOver(state_);
  }
}

void GrowthWatch::HandOver(const std::shared_ptr<State>& state) {
  if (state->run) state->run([state] { WakeAll(*state); });
}

void GrowthWatch::WakeAll(State& state) {
  Waiters waiters;
  {
    const MutexLock lock(state.mutex);
    waiters.swap(state.waiters);
  }
  for (const std::shared_ptr<Waiter>& waiter : waiters) waiter->OnGrowth();
}

void GrowthWatch::Forget(const std::shared_ptr<Waiter>& waiter) {
  const MutexLock lock(state_->mutex);
  state_->waiters.erase(waiter);
}

void GrowthWatch::Close() {
  Waiters waiters;
  const MutexLock lock(state_->mutex);
  state_->run = nullptr;
  waiters.swap(state_->waiters);
}

}  // namespace enveloperelay
