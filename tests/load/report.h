#ifndef ENVELOPE_RELAY_TESTS_LOAD_REPORT_H_
#define ENVELOPE_RELAY_TESTS_LOAD_REPORT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/load/machine.h"

namespace enveloperelay::load {

// What one server did in one round.
struct Sample {
  double per_second = 0;
  // Processor time for each webhook or event.
  absl::Duration server_cpu;
  absl::Duration client_cpu;
  // Zero where an answer has no latency of its own.
  absl::Duration median_latency = absl::ZeroDuration();
  absl::Duration p99_latency = absl::ZeroDuration();
};

// The relay beside its baseline; they took turns, round by round.
struct Figure {
  std::string name;      // "durable POST/s over 64 connections"
  std::string baseline;  // what the relay is compared with
  double aim = 0;        // of the ratio
  std::vector<Sample> relay = {};
  std::vector<Sample> bare = {};
};

// What the relay takes for something that it is not fast or slow at.
struct Usage {
  std::string when;  // "at rest"
  double cores = 0;  // processor time over time
  size_t resident_bytes = 0;
  int threads = 0;
};
struct Footprint {
  std::string name;
  std::vector<Usage> usages = {};
  // From the last event's answer to its last settlement.
  absl::Duration lag = absl::ZeroDuration();
};

struct Report {
  absl::Time time;
  std::string command;
  Machine machine;
  absl::Duration sync_time;  // median of an fdatasync where the data lies
  std::vector<Figure> figures = {};
  std::vector<Footprint> footprints = {};
};

// For people.
std::string ToText(const Report& report);

// For programs: one object, numbers in the units that their names end with.
std::string ToJson(const Report& report);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_REPORT_H_
