#ifndef ENVELOPE_RELAY_TESTS_UNIT_STREAM_FAKE_STEPS_H_
#define ENVELOPE_RELAY_TESTS_UNIT_STREAM_FAKE_STEPS_H_

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay::testing {

// A StepScheduler whose time stands still until told to move, and which steps
// when the test says so.
class FakeSteps final : public StepScheduler {
 public:
  SteadyTime Now() const override { return now_; }
  void StepSoon() override { soon_ = true; }
  void StepAt(SteadyTime time) override { at_ = std::min(at_, time); }
  void StepPast(Sequence after) override { past_ = after; }

  // Calls `step` for as long as there is a reason to.
  void Run(const EventLog& log, const std::function<void()>& step) {
    while (TakeReason(log)) step();
  }
  // Moves the time by `duration`, stepping at each time that was asked for.
  void Advance(absl::Duration duration, const EventLog& log,
               const std::function<void()>& step) {
    const SteadyTime until = now_ + absl::ToChronoNanoseconds(duration);
    while (at_ <= until) {
      now_ = std::max(now_, at_);
      Run(log, step);
    }
    now_ = until;
  }
  // Whether it was to step at once.
  bool TakeSoon() { return std::exchange(soon_, false); }
  // Whether it waits for the log to grow.
  bool waits_for_growth() const { return past_.has_value(); }

 private:
  bool TakeReason(const EventLog& log) {
    if (std::exchange(soon_, false)) return true;
    if (at_ <= now_) {
      at_ = SteadyTime::max();
      return true;
    }
    if (past_.has_value() && log.Bounds().latest > *past_) {
      past_.reset();
      return true;
    }
    return false;
  }

  SteadyTime now_ = SteadyTime(std::chrono::hours(1));
  SteadyTime at_ = SteadyTime::max();
  bool soon_ = false;
  std::optional<Sequence> past_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_UNIT_STREAM_FAKE_STEPS_H_
