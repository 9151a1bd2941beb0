// Appends to a log, and writes state beside the events, until it is killed, or
// until one of them fails. For tests that kill it.
//
//   log_writer DIR NAME FILE_BYTES_MAX
//
// NAME begins its event_ids; FILE_BYTES_MAX, if it is not 0, is the largest
// file that the system lets it write. It says, a line each:
//
//   open                 the log is open
//   done EVENT_ID SEQUENCE
//   state NAME NUMBER    write of state NUMBER is durable; see WriteState()
//   failed CODE          an append or a write of state has failed
//   storage-failed       on_failure was called
//   refused CODE         of a write of state after the first failure
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
#include <vector>

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
#include "server/log/state_store.h"
#include "tests/integration/log/state_key.h"
#include "tests/support/append.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

constexpr int kInFlightMax = 64;
constexpr int kAppendsPerStateWrite = 4;

// One write each, so that a killed writer has said whole lines.
void Say(const std::string& line) {
  const std::string whole = line + "\n";
  RELAY_CHECK(write(STDOUT_FILENO, whole.data(), whole.size()) ==
              static_cast<ssize_t>(whole.size()));
}

// Counts the appends and writes that are not answered.
class InFlight {
 public:
  // Waits for room; false once one has failed.
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

// Writes of state number 0, 1, … of a name each set the name's value in both
// tables to their number, add a key of their own, and remove the one that was
// added kStateKeysMax numbers before.
void WriteState(EmbeddedLog& log, const std::string& name, int number,
                InFlight& in_flight) {
  const std::string value = absl::StrCat(number);
  std::vector<StateChange> changes = {
      SetKey(StateTable::kSubscriptions, name, value),
      SetKey(StateTable::kDeadLetters, name, value),
      SetKey(StateTable::kSubscriptions, StateKey(name, number), value)};
  if (number >= kStateKeysMax) {
    changes.push_back(RemoveRange(StateTable::kSubscriptions,
                                  StateKey(name, number - kStateKeysMax),
                                  StateKey(name, number - kStateKeysMax + 1)));
  }
  log.state().Write(std::move(changes), [&in_flight, name,
                                         value](const absl::Status& status) {
    Say(status.ok()
            ? absl::StrCat("state ", name, " ", value)
            : absl::StrCat("failed ", absl::StatusCodeToString(status.code())));
    in_flight.Leave(status.ok());
  });
}

void AppendUntilItFails(EmbeddedLog& log, const std::string& name) {
  std::minstd_rand random(
      static_cast<unsigned>(std::hash<std::string>()(name)));
  InFlight in_flight;
  for (int i = 0; in_flight.Enter(); ++i) {
    if (i % kAppendsPerStateWrite == 0) {
      WriteState(log, name, i / kAppendsPerStateWrite, in_flight);
      if (!in_flight.Enter()) break;
    }
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
  log.state().Write({}, [](const absl::Status& status) {
    Say(absl::StrCat("refused ", absl::StatusCodeToString(status.code())));
  });
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
