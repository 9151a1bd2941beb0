#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

std::vector<std::string> MakeEnvironment(const Command& command) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("ENVELOPE_RELAY_")) continue;
    if (text.starts_with("ENVELOPECTL_")) continue;
    entries.emplace_back(text);
  }
  for (const auto& [name, value] : command.environment) {
    entries.push_back(name + "=" + value);
  }
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// In the child: makes `fd` append to `path`. Only calls what may be called
// between fork and exec (signal-safety(7)).
void Redirect(int fd, const char* path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0 || dup2(file, fd) < 0) _exit(127);
}

pid_t Spawn(const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  arguments.insert(arguments.begin(), command.program);
  std::vector<std::string> environment = MakeEnvironment(command);
  const std::vector<char*> argv = Pointers(arguments);
  const std::vector<char*> envp = Pointers(environment);
  const std::string null = "/dev/null";
  const std::string& output =
      command.output_file.empty() ? null : command.output_file;
  const std::string& errors =
      command.error_file.empty() ? null : command.error_file;

  const pid_t parent = getpid();
  const pid_t pid = fork();
  RELAY_CHECK(pid >= 0);
  if (pid > 0) return pid;
  // A test that is killed leaves no program behind.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  Redirect(STDOUT_FILENO, output.c_str());
  Redirect(STDERR_FILENO, errors.c_str());
  execve(command.program.c_str(), argv.data(), envp.data());
  _exit(127);
}

// pidfd_open has no wrapper in Debian 12's C library.
int OpenPidfd(pid_t pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  RELAY_CHECK(fd >= 0);
  return fd;
}

}  // namespace

ChildProcess::ChildProcess(const Command& command)
    : pid_(Spawn(command)), pidfd_(OpenPidfd(pid_)) {}

ChildProcess::~ChildProcess() {
  Kill();
  close(pidfd_);
}

void ChildProcess::Signal(int signal) const {
  // Unlike kill(), this cannot hit another process that got the same id.
  syscall(SYS_pidfd_send_signal, pidfd_, signal, nullptr, 0);
}

std::optional<ExitStatus> ChildProcess::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!status_.has_value()) {
    const absl::Duration left =
        std::max(deadline - absl::Now(), absl::ZeroDuration());
    pollfd ended = {.fd = pidfd_, .events = POLLIN, .revents = 0};
    const int ready =
        poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    RELAY_CHECK(ready >= 0 || errno == EINTR);
    if (ready == 0) return std::nullopt;
    if (ready < 0) continue;
    siginfo_t info = {};
    RELAY_CHECK(waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) == 0);
    status_ = info.si_code == CLD_EXITED
                  ? ExitStatus{.code = info.si_status, .signal = 0}
                  : ExitStatus{.code = -1, .signal = info.si_status};
  }
  return status_;
}

ExitStatus ChildProcess::Kill() {
  if (!status_.has_value()) Signal(SIGKILL);
  std::optional<ExitStatus> status;
  while (!status.has_value()) status = Wait(absl::Minutes(1));
  return *status;
}

FinishedCommand RunCommand(Command command, absl::Duration timeout) {
  const TempDir directory;
  command.output_file = directory.File("output");
  command.error_file = directory.File("errors");
  ChildProcess process(command);
  std::optional<ExitStatus> status = process.Wait(timeout);
  if (!status.has_value()) status = process.Kill();
  return {.status = *status,
          .output = ContentOf(command.output_file),
          .errors = ContentOf(command.error_file)};
}

}  // namespace enveloperelay::testing
