#include "tests/load/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace enveloperelay::load {
namespace {

constexpr int kSyncs = 500;
constexpr size_t kAppendSize = 4096;

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t value = line.find(": ");
    if (value != std::string::npos) return line.substr(value + 2);
  }
  return "unknown";
}

absl::Duration ClockTime(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return absl::DurationFromTimespec(time);
}

absl::Status TimeSyncs(int fd, std::vector<absl::Duration>& times) {
  const std::string block(kAppendSize, 'x');
  for (int i = 0; i < kSyncs; ++i) {
    const absl::Time begin = absl::Now();
    if (write(fd, block.data(), block.size()) !=
        static_cast<ssize_t>(block.size())) {
      return absl::ErrnoToStatus(errno, "write to measure fdatasync");
    }
    if (fdatasync(fd) != 0) return absl::ErrnoToStatus(errno, "fdatasync");
    times.push_back(absl::Now() - begin);
  }
  return absl::OkStatus();
}

}  // namespace

Machine DescribeMachine() {
  Machine machine;
  machine.cpu_model = CpuModel();
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    machine.cores = CPU_COUNT(&cpus);
  }
  utsname name{};
  if (uname(&name) == 0) {
    machine.kernel = absl::StrCat(name.sysname, " ", name.release);
  }
  return machine;
}

absl::StatusOr<absl::Duration> MedianSyncTime(const std::string& directory) {
  const std::string path = directory + "/fdatasync";
  const int fd = open(
      path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  std::vector<absl::Duration> times;
  const absl::Status timed = TimeSyncs(fd, times);
  close(fd);
  unlink(path.c_str());
  if (!timed.ok()) return timed;
  const auto middle = times.begin() + kSyncs / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

absl::Duration ThreadCpuTime() { return ClockTime(CLOCK_THREAD_CPUTIME_ID); }

absl::Duration CpuTimeOf(pid_t pid) {
  clockid_t clock = 0;
  if (clock_getcpuclockid(pid, &clock) != 0) return absl::ZeroDuration();
  return ClockTime(clock);
}

int ThreadsOf(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  int threads = 0;
  for (std::string word; status >> word;) {
    if (word == "Threads:") status >> threads;
  }
  return threads;
}

}  // namespace enveloperelay::load
