#ifndef ENVELOPE_RELAY_TESTS_LOAD_CATCH_UP_H_
#define ENVELOPE_RELAY_TESTS_LOAD_CATCH_UP_H_

#include <sys/types.h>

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/load/bench.h"
#include "tests/load/event_counter.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {

// What one reading of the whole log brings, every time.
struct Contents {
  uint64_t events = 0;
  uint64_t bytes = 0;
  friend bool operator==(const Contents&, const Contents&) = default;
};

// Brings the log to the number of events that was asked for.
absl::Status FillUp(const BenchOptions& options,
                    const testing::RelayProcess& relay);

// Reads the whole log of a running relay by one plain stream, and shows the
// responses to `see` as Http2Stream::Take does.
// Errors: kDataLoss (it is not all of the log); those of the stream.
absl::StatusOr<EventCounter> CatchUp(
    const BenchOptions& options, const testing::RelayProcess& relay,
    absl::FunctionRef<void(std::string_view bytes, bool last)> see);

// Measures the same with any server, the process `pid`.
// Errors: kDataLoss (it does not bring what is expected).
absl::StatusOr<Sample> MeasureCatchUp(const BenchOptions& options,
                                      const Contents& expected, uint16_t port,
                                      pid_t pid);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_CATCH_UP_H_
