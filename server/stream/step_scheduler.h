#ifndef ENVELOPE_RELAY_SERVER_STREAM_STEP_SCHEDULER_H_
#define ENVELOPE_RELAY_SERVER_STREAM_STEP_SCHEDULER_H_

#include <chrono>

#include "server/log/sequence.h"

namespace enveloperelay {

// Time that does not jump when the clock is set.
using SteadyTime = std::chrono::steady_clock::time_point;

// What a call on the server uses to have its Step() called again. A step may
// come early or without a reason: it looks at what is due and asks again for
// what is not. For the thread that runs the call's step.
class StepScheduler {
 public:
  virtual ~StepScheduler() = default;

  virtual SteadyTime Now() const = 0;
  // Steps after other calls have had their turn.
  virtual void StepSoon() = 0;
  // Steps at `time` at the latest.
  virtual void StepAt(SteadyTime time) = 0;
  // Steps as soon as the log reaches past `after`.
  virtual void StepPast(Sequence after) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_STEP_SCHEDULER_H_
