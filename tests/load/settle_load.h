#ifndef ENVELOPE_RELAY_TESTS_LOAD_SETTLE_LOAD_H_
#define ENVELOPE_RELAY_TESTS_LOAD_SETTLE_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay::load {

// What SettleAll does.
struct SettleOptions {
  uint16_t port;  // of the relay, on 127.0.0.1
  std::string subscription;
  int workers;
  uint32_t batch_events;
  uint64_t events;  // that there are to settle
};

struct SettleResult {
  absl::Duration elapsed;  // from the first call to the last answer
  absl::Duration cpu;      // of this process
};

// Settles all events of a subscription with workers that take batches as fast
// as they come. Each batch is settled by a call of its own, and the next ones
// are not held up by it. Checks that each event comes once and is settled.
// Errors: kDataLoss (an event came again, or one that there is not), kAborted
// (not settled), kUnavailable and those of the stream.
absl::StatusOr<SettleResult> SettleAll(const SettleOptions& options);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_SETTLE_LOAD_H_
