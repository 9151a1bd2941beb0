// Measures the relay beside servers that do the same without its work. See
// README.md here.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/load/bench.h"
#include "tests/load/machine.h"
#include "tests/load/report.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::load {
namespace {

struct Arguments {
  BenchOptions bench;
  double seconds = 5;
  std::string only;
  std::string json;
};

void Declare(CLI::App& app, Arguments& arguments) {
  app.add_option("--rounds", arguments.bench.rounds,
                 "Turns of the relay and its baseline")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--connections", arguments.bench.connections,
                 "HTTP connections, each with one request in flight")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", arguments.seconds,
                 "Length of a turn at POSTs, and with subscriptions")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--events", arguments.bench.events,
                 "Events in the log that is streamed, at least")
      ->check(CLI::Range(1000, 100'000'000))
      ->capture_default_str();
  app.add_option("--subscriptions", arguments.bench.subscriptions,
                 "Durable subscriptions with a worker each")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--events-per-second", arguments.bench.events_per_second,
                 "Events that come to each of those")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--threads", arguments.bench.threads,
                 "Threads of the bare HTTP server")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--only", arguments.only, "Measure just one figure")
      ->check(CLI::IsMember({"post", "stream", "settle", "subscriptions"}));
  app.add_option("--relay", arguments.bench.relay,
                 "The relay's program [the one built with this]")
      ->check(CLI::ExistingFile);
  app.add_option("--json", arguments.json, "File for the report as JSON");
}

absl::Status MeasureAll(const Arguments& arguments, Report& report) {
  const absl::StatusOr<std::unique_ptr<Relay>> relay =
      Relay::Create(arguments.bench.relay);
  if (!relay.ok()) return relay.status();
  const auto wanted = [&arguments](std::string_view name) {
    return arguments.only.empty() || arguments.only == name;
  };
  for (const auto& [name, bench] :
       {std::pair("post", &BenchPost), std::pair("stream", &BenchStream),
        std::pair("settle", &BenchSettle)}) {
    if (!wanted(name)) continue;
    absl::StatusOr<Figure> figure = bench(arguments.bench, **relay);
    if (!figure.ok()) return figure.status();
    report.figures.push_back(*std::move(figure));
  }
  if (!wanted("subscriptions")) return absl::OkStatus();
  absl::StatusOr<Footprint> footprint =
      BenchSubscriptions(arguments.bench, **relay);
  if (!footprint.ok()) return footprint.status();
  report.footprints.push_back(*std::move(footprint));
  return absl::OkStatus();
}

absl::StatusOr<Report> Run(const Arguments& arguments, std::string command) {
  const absl::StatusOr<absl::Duration> sync_time =
      MedianSyncTime(testing::TempDir().path());
  if (!sync_time.ok()) return sync_time.status();
  Report report{.time = absl::Now(),
                .command = std::move(command),
                .machine = DescribeMachine(),
                .sync_time = *sync_time};
  const absl::Status measured = MeasureAll(arguments, report);
  if (!measured.ok()) return measured;
  return report;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  arguments.bench.threads = DescribeMachine().cores;
  CLI::App app("Measures the relay beside servers that only move the bytes.");
  Declare(app, arguments);
  CLI11_PARSE(app, argc, argv);
  arguments.bench.measured = absl::Seconds(arguments.seconds);
  const absl::StatusOr<Report> report =
      Run(arguments, absl::StrJoin(argv, argv + argc, " "));
  if (!report.ok()) {
    std::cerr << "relay-bench: " << report.status() << "\n";
    return 1;
  }
  std::cout << ToText(*report);
  if (arguments.json.empty()) return 0;
  std::ofstream file(arguments.json);
  file << ToJson(*report) << "\n";
  file.close();
  if (!file) {
    std::cerr << "relay-bench: cannot write " << arguments.json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace enveloperelay::load

int main(int argc, char** argv) {
  try {
    return enveloperelay::load::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "relay-bench: " << error.what() << "\n";
    return 1;
  }
}
