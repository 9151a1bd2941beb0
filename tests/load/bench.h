#ifndef ENVELOPE_RELAY_TESTS_LOAD_BENCH_H_
#define ENVELOPE_RELAY_TESTS_LOAD_BENCH_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::load {

struct BenchOptions {
  int rounds = 5;
  int connections = 64;
  absl::Duration measured = absl::Seconds(5);  // of each server in each round
  uint64_t events = 1'000'000;                 // in the log that is streamed
  uint32_t batch_events = 256;
  int subscriptions = 1000;
  int events_per_second = 100;  // to those
  int threads = 0;    // of bare-http: as many as the relay's ingress has
  std::string relay;  // path; empty: the one built with this
};

// The relay under test. It runs only while it is measured, from the same data
// directory each time.
class Relay {
 public:
  // Errors: kInternal, kDeadlineExceeded (did not start or end).
  static absl::StatusOr<std::unique_ptr<Relay>> Create(
      const std::string& program);

  // Starts the relay, calls `use`, and stops it.
  // Errors: those of `use`; kInternal, kDeadlineExceeded (did not start or end
  // as it should).
  absl::Status Run(absl::FunctionRef<absl::Status(testing::RelayProcess&)> use);

  // What its ingress asks for.
  static const std::string& token();

 private:
  absl::Status Stop();

  testing::TempDir directory_;  // of the token's file
  std::unique_ptr<testing::RelayProcess> process_;
};

// Durable POST/s beside bare-http. Checks that each webhook answered is in the
// log once, at the place that the answer named, and nothing else is.
absl::StatusOr<Figure> BenchPost(const BenchOptions& options, Relay& relay);

// Events/s of a catch-up stream beside bare-stream. Fills the log up first.
// Checks that each stream brings every event once.
absl::StatusOr<Figure> BenchStream(const BenchOptions& options, Relay& relay);

// Events/s that workers of a durable subscription settle, beside a plain stream
// of the same log. Fills the log up first. Checks that each event is delivered
// once and settled.
absl::StatusOr<Figure> BenchSettle(const BenchOptions& options, Relay& relay);

// What the relay takes for many durable subscriptions with a worker each: at
// rest, with nothing to deliver, and while events come. Checks that each event
// comes to each of them once and is settled.
absl::StatusOr<Footprint> BenchSubscriptions(const BenchOptions& options,
                                             Relay& relay);

// Posts `count` webhooks to a running relay, one each `interval` (zero: as fast
// as they are answered), and checks its log as BenchPost.
absl::Status Fill(const BenchOptions& options,
                  const testing::RelayProcess& relay, uint64_t count,
                  absl::Duration interval = absl::ZeroDuration());

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_BENCH_H_
