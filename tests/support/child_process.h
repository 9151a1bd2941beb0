#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_CHILD_PROCESS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace enveloperelay::testing {

// How a process came to its end.
struct ExitStatus {
  int code = -1;   // what it exited with; -1: a signal ended it
  int signal = 0;  // the signal that ended it; 0: none

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

// A program to run. The environment is the test's own without the variables
// that begin with ENVELOPE_RELAY_ or ENVELOPECTL_, and with those given here.
struct Command {
  std::string program;  // path
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment = {};
  // Files that its output is appended to; may be the same. Empty: /dev/null.
  std::string output_file = {};
  std::string error_file = {};
};

// A program that runs until it ends by itself, this goes, or the thread that
// started it ends. Not thread-safe, but for Signal().
class ChildProcess {
 public:
  explicit ChildProcess(const Command& command);
  // SIGKILL, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Readable, for poll(), once the program has ended.
  int pidfd() const { return pidfd_; }

  // No effect once it has ended.
  void Signal(int signal) const;
  // Returns how it ended; nothing if it still runs after `timeout`.
  std::optional<ExitStatus> Wait(absl::Duration timeout);
  // SIGKILL; returns when it is gone.
  ExitStatus Kill();

 private:
  pid_t pid_;
  int pidfd_;
  std::optional<ExitStatus> status_;
};

// What a program printed and how it ended.
struct FinishedCommand {
  ExitStatus status;
  std::string output;  // standard output
  std::string errors;  // standard error
};

// Runs `command` to its end, keeping its output (its files are ignored). Kills
// it after `timeout`.
FinishedCommand RunCommand(Command command,
                           absl::Duration timeout = absl::Seconds(60));

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_CHILD_PROCESS_H_
