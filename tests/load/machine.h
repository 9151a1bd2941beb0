#ifndef ENVELOPE_RELAY_TESTS_LOAD_MACHINE_H_
#define ENVELOPE_RELAY_TESTS_LOAD_MACHINE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay::load {

// What the figures were measured on.
struct Machine {
  int cores = 0;  // that this process may use
  std::string cpu_model;
  std::string kernel;
};

Machine DescribeMachine();

// Returns the median time of appending 4 KiB to a file in `directory` and
// calling fdatasync, over some hundred times.
// Errors: kUnavailable and others, from the file system.
absl::StatusOr<absl::Duration> MedianSyncTime(const std::string& directory);

// Processor time, user's and system's, used so far by the calling thread, or by
// another process (zero if it has ended).
absl::Duration ThreadCpuTime();
absl::Duration CpuTimeOf(pid_t pid);

// How many threads a process has; 0 if it has ended.
int ThreadsOf(pid_t pid);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_MACHINE_H_
