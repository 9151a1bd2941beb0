#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/bare_server.h"
#include "tests/load/bench.h"
#include "tests/load/log_check.h"
#include "tests/load/machine.h"
#include "tests/load/post_load.h"
#include "tests/load/report.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::load {
namespace {

constexpr absl::Duration kWarmUp = absl::Seconds(1);
// Bounds a fill whose rate is unknown.
constexpr absl::Duration kFillMax = absl::Minutes(10);

// Each load has its own, so that no webhook is posted twice.
uint32_t NextSeries() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

PostOptions LoadOf(const BenchOptions& options, uint16_t port) {
  return PostOptions{.port = port,
                     .token = Relay::token(),
                     .connections = static_cast<size_t>(options.connections),
                     .warm_up = kWarmUp,
                     .measured = options.measured,
                     .series = NextSeries()};
}

Sample SampleOf(const PostResult& result, absl::Duration server_cpu) {
  const auto all = static_cast<int64_t>(result.sequences.size());
  return Sample{
      .per_second = static_cast<double>(result.measured_count) /
                    absl::ToDoubleSeconds(result.measured),
      .server_cpu = server_cpu / all,
      .client_cpu = result.cpu / all,
      .median_latency = result.median_latency,
      .p99_latency = result.p99_latency,
  };
}

// Posts to a running relay and checks what it has stored.
absl::StatusOr<Sample> PostToRelay(const PostOptions& load,
                                   const testing::RelayProcess& relay) {
  const absl::StatusOr<v1::GetLogResponse> before = GetLog(relay);
  if (!before.ok()) return before.status();
  const absl::Duration cpu = CpuTimeOf(relay.pid());
  const absl::StatusOr<PostResult> result = PostWebhooks(load);
  if (!result.ok()) return result.status();
  const Sample sample = SampleOf(*result, CpuTimeOf(relay.pid()) - cpu);
  const absl::Status checked =
      CheckLog(relay, before->latest_cursor(), load.series, result->sequences);
  if (!checked.ok()) return checked;
  return sample;
}

absl::StatusOr<Sample> PostToBare(const BenchOptions& options) {
  const absl::StatusOr<BareServer> server =
      BareServer::Start("bare-http", absl::StrCat(options.threads));
  if (!server.ok()) return server.status();
  const absl::StatusOr<PostResult> result =
      PostWebhooks(LoadOf(options, server->port()));
  if (!result.ok()) return result.status();
  return SampleOf(*result, CpuTimeOf(server->pid()));
}

}  // namespace

absl::StatusOr<Figure> BenchPost(const BenchOptions& options, Relay& relay) {
  Figure figure{.name = absl::StrCat("Durable POST/s over ",
                                     options.connections, " connections"),
                .baseline = "bare HTTP",
                .aim = 0.6};
  for (int round = 0; round < options.rounds; ++round) {
    const absl::Status ran =
        relay.Run([&](const testing::RelayProcess& process) -> absl::Status {
          const absl::StatusOr<Sample> sample =
              PostToRelay(LoadOf(options, process.ingress_port()), process);
          if (sample.ok()) figure.relay.push_back(*sample);
          return sample.status();
        });
    if (!ran.ok()) return ran;
    const absl::StatusOr<Sample> bare = PostToBare(options);
    if (!bare.ok()) return bare.status();
    figure.bare.push_back(*bare);
  }
  return figure;
}

absl::Status Fill(const BenchOptions& options,
                  const testing::RelayProcess& relay, uint64_t count,
                  absl::Duration interval) {
  PostOptions load = LoadOf(options, relay.ingress_port());
  load.warm_up = absl::ZeroDuration();
  load.measured = kFillMax;
  load.webhooks_max = count;
  load.interval = interval;
  return PostToRelay(load, relay).status();
}

}  // namespace enveloperelay::load
