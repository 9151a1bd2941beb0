#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/bench.h"
#include "tests/load/catch_up.h"
#include "tests/load/event_counter.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/load/settle_load.h"
#include "tests/load/subscription_calls.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

constexpr int kWorkers = 4;

// Settles all of the log once.
absl::StatusOr<Sample> Measure(const BenchOptions& options,
                               const Contents& contents,
                               const testing::RelayProcess& relay,
                               const std::string& name) {
  SubscriptionCalls calls(relay);
  absl::Status status = calls.Create(name, v1::START_POSITION_EARLIEST);
  if (!status.ok()) return status;
  const absl::Duration cpu = CpuTimeOf(relay.pid());
  const absl::StatusOr<SettleResult> result =
      SettleAll({.port = relay.grpc_port(),
                 .subscription = name,
                 .workers = kWorkers,
                 .batch_events = options.batch_events,
                 .events = contents.events});
  if (!result.ok()) return result.status();
  const auto all = static_cast<int64_t>(contents.events);
  const Sample sample{.per_second = static_cast<double>(all) /
                                    absl::ToDoubleSeconds(result->elapsed),
                      .server_cpu = (CpuTimeOf(relay.pid()) - cpu) / all,
                      .client_cpu = result->cpu / all};
  status = calls.CheckSettled(name);
  if (status.ok()) status = calls.Delete(name);
  if (!status.ok()) return status;
  return sample;
}

absl::StatusOr<Contents> Prepare(const BenchOptions& options,
                                 const testing::RelayProcess& relay) {
  const absl::Status filled = FillUp(options, relay);
  if (!filled.ok()) return filled;
  const absl::StatusOr<EventCounter> counter =
      CatchUp(options, relay, [](std::string_view /*bytes*/, bool /*last*/) {});
  if (!counter.ok()) return counter.status();
  return Contents{.events = counter->events(), .bytes = counter->bytes()};
}

}  // namespace

absl::StatusOr<Figure> BenchSettle(const BenchOptions& options, Relay& relay) {
  Contents contents;
  absl::Status ran =
      relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
        const absl::StatusOr<Contents> prepared = Prepare(options, process);
        if (prepared.ok()) contents = *prepared;
        return prepared.status();
      });
  if (!ran.ok()) return ran;
  Figure figure{
      .name = absl::StrCat("Events/s settled by ", kWorkers, " workers of a ",
                           "durable subscription to ", contents.events,
                           " events, in batches of ", options.batch_events),
      .baseline = "plain stream",
      .aim = 0.3};
  for (int round = 0; round < options.rounds; ++round) {
    ran = relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
      const absl::StatusOr<Sample> sample = Measure(
          options, contents, process, absl::StrCat("bench-settle-", round));
      if (sample.ok()) figure.relay.push_back(*sample);
      return sample.status();
    });
    if (!ran.ok()) return ran;
    ran = relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
      const absl::StatusOr<Sample> plain =
          MeasureCatchUp(options, contents, process.grpc_port(), process.pid());
      if (plain.ok()) figure.bare.push_back(*plain);
      return plain.status();
    });
    if (!ran.ok()) return ran;
  }
  return figure;
}

}  // namespace enveloperelay::load
