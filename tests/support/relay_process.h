#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_RELAY_PROCESS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_RELAY_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {

// A relay as it is to be run. Listeners are on 127.0.0.1 with free ports, the
// data directory is new and empty, unless these say otherwise.
struct RelayOptions {
  std::vector<std::string> arguments = {};
  std::map<std::string, std::string> environment = {};  // see Command
  // The ports stay the same across Restart().
  bool stable_ports = false;
  // Path. Empty: the one that was built with this.
  std::string program = {};
};

// A running envelope-relay, the program that is shipped, for tests to talk to.
// Killed at the latest when this goes, or the thread that started it ends.
// Not thread-safe.
class RelayProcess {
 public:
  // Longest wait for a start, and for an end that should come at once.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  // Returns once the relay is ready.
  // Errors: kInternal (it ended first; the message has what it logged),
  // kDeadlineExceeded.
  static absl::StatusOr<std::unique_ptr<RelayProcess>> Start(
      RelayOptions options = {});

  ~RelayProcess() = default;
  RelayProcess(const RelayProcess&) = delete;
  RelayProcess& operator=(const RelayProcess&) = delete;

  uint16_t ingress_port() const { return ingress_port_; }
  uint16_t grpc_port() const { return grpc_port_; }
  uint16_t admin_port() const { return admin_port_; }
  // "127.0.0.1:12345", for a gRPC channel.
  std::string grpc_target() const;

  pid_t pid() const { return process_->pid(); }
  std::string data_dir() const { return directory_.File("data"); }

  // Starts it again on the same data directory, after it has ended. As Start.
  absl::Status Restart();
  // Starts it again with other options. `stable_ports` stays as it was.
  absl::Status Restart(std::vector<std::string> arguments);

  void Signal(int signal) const { process_->Signal(signal); }
  // SIGKILL; returns when it is gone.
  void Kill() { process_->Kill(); }
  // SIGTERM; as WaitForExit.
  absl::StatusOr<ExitStatus> Terminate();
  // Errors: kDeadlineExceeded (it still runs).
  absl::StatusOr<ExitStatus> WaitForExit(absl::Duration timeout = kPatience);

  // All that it has logged, over all its starts.
  std::string Log() const;
  // Returns when the log holds `text`.
  // Errors: kDeadlineExceeded; kInternal (it ended without; with its log).
  absl::Status WaitForLog(std::string_view text,
                          absl::Duration timeout = kPatience) const;

  // Memory it holds now (VmRSS).
  size_t ResidentBytes() const;

 private:
  explicit RelayProcess(RelayOptions options);

  absl::Status Spawn();
  // Reads the ports file; false if it is not there yet.
  bool ReadPorts();
  // Returns when `condition` holds; it is tried again whenever the log or the
  // ports file changes.
  absl::Status WaitUntil(const std::function<bool()>& condition,
                         absl::Duration timeout) const;
  std::string PortsFile() const { return directory_.File("ports.json"); }
  std::string LogFile() const { return directory_.File("log"); }
  RelayOptions options_;
  TempDir directory_;
  std::unique_ptr<ChildProcess> process_;
  uint16_t ingress_port_ = 0;
  uint16_t grpc_port_ = 0;
  uint16_t admin_port_ = 0;
};

// Path of the program.
std::string RelayBinary();

// Runs the relay with just these arguments and these variables besides the
// test's own, until it ends; kills it when that takes longer than
// RelayProcess::kPatience.
FinishedCommand RunRelay(std::vector<std::string> arguments,
                         std::map<std::string, std::string> environment = {});

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_RELAY_PROCESS_H_
