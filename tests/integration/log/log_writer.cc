// Appends to a log until it is killed, or until an append fails. For tests that
// kill it.
//
//   log_writer DIR NAME FILE_BYTES_MAX
//
// NAME begins its event_ids; FILE_BYTES_MAX, if it is not 0, is the largest
// file that the system lets it write. It says, a line each:
//
//   open                 the log is open
//   done EVENT_ID SEQUENCE
//   failed CODE          an append has failed
//   storage-failed       on_failure was called
//   health CODE          after the first failure; the last line

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "prometheus/registry.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "tests/support/append.h"

namespace enveloperelay::testing {
namespace {

constexpr int kInFlightMax = 64;

// One write each, so that a killed writer has said whole lines.
void Say(const std::string& line) {
  const std::string whole = line + "\n";
  RELAY_CHECK(write(STDOUT_FILENO, whole.data(), whole.size()) ==
              static_cast<ssize_t>(whole.size()));
}

// Counts the appends that are not answered.
class InFlight {
 public:
  // Waits for room; false once an append has failed.
  bool Enter() {
    const MutexLock lock(mutex_);
    while (count_ >= kInFlightMax) changed_.Wait(mutex_);
    ++count_;
    return !failed_;
  }
  void Leave(bool ok) {
    const MutexLock lock(mutex_);
    --count_;
    failed_ = failed_ || !ok;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
};

void AppendUntilItFails(EmbeddedLog& log, const std::string& name) {
  std::minstd_rand random(
      static_cast<unsigned>(std::hash<std::string>()(name)));
  InFlight in_flight;
  for (int i = 0; in_flight.Enter(); ++i) {
    // Now and then an event again.
    const int number = i > 10 && random() % 10 == 0 ? i - 10 : i;
    const std::string id = absl::StrCat(name, "-", number);
    const std::string payload(random() % 2000, 'x');
    log.Append(
        MakeEvent({.event_id = id,
                   .envelope_id = name,
                   .receive_time = absl::Now(),
                   .payload = payload}),
        [&in_flight, id](const absl::StatusOr<Appended>& appended) {
          Say(appended.ok()
                  ? absl::StrCat("done ", id, " ", appended->sequence.value)
                  : absl::StrCat("failed ", absl::StatusCodeToString(
                                                appended.status().code())));
          in_flight.Leave(appended.ok());
        });
  }
  log.Close();
}

int Run(const std::string& dir, const std::string& name,
        rlim_t file_bytes_max) {
  if (file_bytes_max > 0) {
    // Without the signal a write beyond the limit fails as on a full disk.
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {file_bytes_max, file_bytes_max};
    RELAY_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  prometheus::Registry registry;
  EmbeddedLogOptions options;
  options.data_dir = dir;
  options.on_failure = [](const absl::Status&) { Say("storage-failed"); };
  absl::StatusOr<std::unique_ptr<EmbeddedLog>> log =
      EmbeddedLog::Open(std::move(options), Clock::Real(), registry);
  if (!log.ok()) {
    std::fprintf(stderr, "%s\n", log.status().ToString().c_str());
    return 1;
  }
  Say("open");
  AppendUntilItFails(**log, name);
  Say(absl::StrCat("health ",
                   absl::StatusCodeToString((*log)->Health().code())));
  return 0;
}

}  // namespace
}  // namespace enveloperelay::testing

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return enveloperelay::testing::Run(argv[1], argv[2],
                                     std::strtoul(argv[3], nullptr, 10));
}
