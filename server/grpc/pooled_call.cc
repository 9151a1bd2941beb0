#include "server/grpc/pooled_call.h"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

CallPool::CallPool(size_t threads, Tail& tail)
    : threads_(threads),
      growth_(tail, [this](absl::AnyInvocable<void() &&> job) {
        boost::asio::post(threads_, std::move(job));
      }) {}

void CallPool::Stop() {
  growth_.Close();
  threads_.stop();
  threads_.join();
}

PooledCall::PooledCall(CallPool& pool)
    : growth_(pool.growth()),
      strand_(boost::asio::make_strand(pool.executor())),
      timer_(strand_) {}

void PooledCall::Drain() {
  Post([this] { DoDrain(); });
}

void PooledCall::End(const absl::Status& status) {
  Post([this, status] { DoEnd(status); });
}

void PooledCall::OnGrowth() {
  Post([this] {
    waiting_ = false;
    DoStep();
  });
}

void PooledCall::StepSoon() {
  Post([this] { DoStep(); });
}

void PooledCall::StepAt(SteadyTime time) {
  // A timer that fires too early costs less than one that is set at each write.
  if (timer_at_ <= time) return;
  timer_at_ = time;
  timer_.expires_at(time);
  timer_.async_wait([this, self = shared_from_this()](
                        const boost::system::error_code& error) {
    if (error) return;  // set anew, or stopped
    timer_at_ = SteadyTime::max();
    DoStep();
  });
}

void PooledCall::StepPast(Sequence after) {
  if (std::exchange(waiting_, true)) return;
  growth_.Wait(shared_from_this(), after);
}

void PooledCall::StopSteps() {
  timer_at_ = SteadyTime::min();
  timer_.cancel();
  if (std::exchange(waiting_, false)) growth_.Forget(shared_from_this());
}

}  // namespace enveloperelay
