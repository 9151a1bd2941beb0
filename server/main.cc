// Reads the configuration, runs the server until it is told to stop, and says
// by its exit status how that went.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/config/config.h"
#include "server/config/load.h"
#include "server/ports_file.h"
#include "server/server.h"
#include "server/version.h"

namespace enveloperelay {
namespace {

constexpr int kExitDrained = 0;
constexpr int kExitFailed = 1;
constexpr int kExitBadConfig = 2;

// After a failure, the clients' time to take what is stored.
constexpr absl::Duration kFailureDrainTimeout = absl::Seconds(3);

std::map<std::string, std::string> ReadEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string VersionText() {
  return absl::StrCat("envelope-relay ", std::string(kVersion), " (commit ",
                      std::string(kCommit), ", ", std::string(kBuild), ")");
}

// SIGTERM and SIGINT, to be read rather than handled. Made before any thread,
// so that all inherit the mask.
class StopSignals {
 public:
  StopSignals() : fd_(signalfd(-1, &signals_, SFD_CLOEXEC)) {
    RELAY_CHECK(fd_ >= 0);
    RELAY_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, nullptr) == 0);
  }
  ~StopSignals() { close(fd_); }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  int fd() const { return fd_; }
  // Takes the signal that made fd() readable.
  std::string Take() const {
    signalfd_siginfo info = {};
    RELAY_CHECK(read(fd_, &info, sizeof(info)) == sizeof(info));
    return info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
  }
  // From now on one more of them, or `limit` having passed, ends the process
  // at once.
  void EndProcessOnNext(absl::Duration limit) const {
    struct sigaction action = {};
    action.sa_handler = [](int signal) {
      LogErrorInSignalHandler(signal == SIGALRM
                                  ? "not drained within --drain-timeout"
                                  : "stopped at once by a second signal");
      _exit(kExitFailed);
    };
    for (const int signal : {SIGTERM, SIGINT, SIGALRM}) {
      sigaction(signal, &action, nullptr);
    }
    const itimerval timer = {.it_interval = {},
                             .it_value = absl::ToTimeval(limit)};
    RELAY_CHECK(setitimer(ITIMER_REAL, &timer, nullptr) == 0);
    RELAY_CHECK(pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr) == 0);
  }

 private:
  static sigset_t Signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
  }

  const sigset_t signals_ = Signals();
  const int fd_;
};

// Lets other threads tell the main one that the server has failed.
class FailureNotice {
 public:
  FailureNotice() : fd_(eventfd(0, EFD_CLOEXEC)) { RELAY_CHECK(fd_ >= 0); }
  ~FailureNotice() { close(fd_); }
  FailureNotice(const FailureNotice&) = delete;
  FailureNotice& operator=(const FailureNotice&) = delete;

  int fd() const { return fd_; }
  void Send(const absl::Status& status) const {
    LogError("the event log has failed, ending",
             {{LogKey::kDetail, status.ToString()}});
    const uint64_t one = 1;
    RELAY_CHECK(write(fd_, &one, sizeof(one)) == sizeof(one));
  }

 private:
  int fd_;
};

// Waits for a signal or a failure and ends the server accordingly.
int RunUntilStopped(Server& server, const StopSignals& signals,
                    const FailureNotice& failure,
                    absl::Duration drain_timeout) {
  std::array<pollfd, 2> events = {
      {{.fd = signals.fd(), .events = POLLIN, .revents = 0},
       {.fd = failure.fd(), .events = POLLIN, .revents = 0}}};
  while (poll(events.data(), events.size(), -1) < 0) {
  }
  const bool failed = events[1].revents != 0;
  if (!failed) LogInfo("draining", {{LogKey::kSignal, signals.Take()}});
  const absl::Duration timeout =
      failed ? std::min(kFailureDrainTimeout, drain_timeout) : drain_timeout;
  signals.EndProcessOnNext(timeout);
  server.Drain(absl::Now() + timeout);
  if (failed) return kExitFailed;
  LogInfo("drained");
  return kExitDrained;
}

absl::Status Start(Server& server, const std::string& ports_file) {
  absl::Status status = server.Start();
  if (!status.ok()) return status;
  // Before the file, since whoever waits for that takes it for ready.
  server.SetReady();
  if (ports_file.empty()) return status;
  return WritePortsFile(ports_file, server.ports());
}

// Each connection and each stream takes a file descriptor. The soft limit is
// meant for programs that use select(), and as a rule is just 1024.
void RaiseLimitOfOpenFiles() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    LogWarning("cannot raise the limit of open files");
  }
}

int RefuseConfig(absl::string_view problems) {
  std::fprintf(stderr, "envelope-relay: the configuration is not allowed\n%s\n",
               std::string(problems).c_str());
  return kExitBadConfig;
}

int Run(const Invocation& invocation) {
  const Config& config = invocation.config;
  SetUpLogging(config.log_level, config.log_format);
  LogInfo("starting", {{LogKey::kVersion, kVersion},
                       {LogKey::kCommit, kCommit},
                       {LogKey::kDataDir, config.data_dir}});
  for (const std::string& name : invocation.ignored_variables) {
    LogWarning("a variable of the environment names no option",
               {{LogKey::kName, name}});
  }
  // What happens to a write, by a peer that has gone or a limit of file sizes,
  // is an error of that write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  RaiseLimitOfOpenFiles();
  const StopSignals signals;
  const FailureNotice failure;
  Server server(
      {.config = config,
       .on_failure =
           [&failure](const absl::Status& status) { failure.Send(status); }},
      Clock::Real());
  const std::vector<std::string> problems = server.ReadFiles();
  for (const std::string& problem : problems) {
    LogError("the configuration is not allowed", {{LogKey::kDetail, problem}});
  }
  if (!problems.empty()) return kExitBadConfig;
  const absl::Status started = Start(server, config.ports_file);
  if (!started.ok()) {
    LogError("cannot start", {{LogKey::kDetail, started.ToString()}});
    return kExitFailed;
  }
  const Ports ports = server.ports();
  LogInfo("ready", {{LogKey::kIngressPort, ports.ingress},
                    {LogKey::kGrpcPort, ports.grpc},
                    {LogKey::kAdminPort, ports.admin}});
  return RunUntilStopped(server, signals, failure, config.drain_timeout);
}

int Main(std::vector<std::string> arguments) {
  const absl::StatusOr<Invocation> invocation =
      LoadConfig({.arguments = std::move(arguments),
                  .environment = ReadEnvironment(),
                  .version = VersionText()});
  if (!invocation.ok()) {
    return RefuseConfig(invocation.status().message());
  }
  if (!invocation->text.empty()) {
    std::fputs(invocation->text.c_str(), stdout);
    return 0;
  }
  return Run(*invocation);
}

}  // namespace
}  // namespace enveloperelay

int main(int argc, char** argv) {
  return enveloperelay::Main(std::vector<std::string>(argv + 1, argv + argc));
}
