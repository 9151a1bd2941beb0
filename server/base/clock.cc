#include "server/base/clock.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace enveloperelay {
namespace {

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& Clock::Real() {
  static const SystemClock clock;
  return clock;
}

}  // namespace enveloperelay
