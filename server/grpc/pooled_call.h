#ifndef ENVELOPE_RELAY_SERVER_GRPC_POOLED_CALL_H_
#define ENVELOPE_RELAY_SERVER_GRPC_POOLED_CALL_H_

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/grpc/calls.h"
#include "server/grpc/growth_watch.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

// The threads that run the steps of all calls and read the log for them, so
// that gRPC's own never block.
class CallPool {
 public:
  // `tail` outlives it.
  CallPool(size_t threads, Tail& tail);
  // No call may be left.
  ~CallPool() { Stop(); }
  CallPool(const CallPool&) = delete;
  CallPool& operator=(const CallPool&) = delete;

  // Returns when the threads have ended: no step runs any more.
  void Stop();

  boost::asio::thread_pool::executor_type executor() {
    return threads_.get_executor();
  }
  GrowthWatch& growth() { return growth_; }

 private:
  boost::asio::thread_pool threads_;
  GrowthWatch growth_;
};

// A call on the server, as far as it has nothing to do with gRPC: its steps run
// on the pool, one at a time. Kept alive by whoever is to call it.
class PooledCall : public StepScheduler,
                   public GrowthWatch::Waiter,
                   public Drainable,
                   public std::enable_shared_from_this<PooledCall> {
 public:
  void Drain() override;
  void End(const absl::Status& status) override;
  void OnGrowth() override;

 protected:
  // `pool` outlives it.
  explicit PooledCall(CallPool& pool);

  // What a step is made of; runs on the pool.
  virtual void DoStep() = 0;
  virtual void DoDrain() = 0;
  // See Drainable::End.
  virtual void DoEnd(const absl::Status& /*status*/) {}

  // Runs `function` after what was posted before it. Thread-safe.
  template <typename Function>
  void Post(Function function) {
    boost::asio::post(
        strand_, [self = shared_from_this(),
                  function = std::move(function)]() mutable { function(); });
  }

  // The rest is for the pool's thread that runs the call.
  SteadyTime Now() const override { return SteadyTime::clock::now(); }
  void StepSoon() override;
  void StepAt(SteadyTime time) override;
  void StepPast(Sequence after) override;
  // Steps no more.
  void StopSteps();

 private:
  using Strand = boost::asio::strand<boost::asio::thread_pool::executor_type>;
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock,
      boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;

  GrowthWatch& growth_;
  Strand strand_;
  Timer timer_;
  // When the timer fires; max() while it is not set.
  SteadyTime timer_at_ = SteadyTime::max();
  bool waiting_ = false;  // for growth
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_POOLED_CALL_H_
