#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_EVENTUALLY_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_EVENTUALLY_H_

#include <poll.h>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace enveloperelay::testing {

// Asks for `condition` until it holds; false if it does not within `timeout`.
// For what announces no change, such as a metric.
template <typename Condition>
bool Eventually(Condition condition,
                absl::Duration timeout = absl::Minutes(1)) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    poll(nullptr, 0, /*milliseconds=*/2);
  }
  return true;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_EVENTUALLY_H_
