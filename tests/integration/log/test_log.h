#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_TEST_LOG_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_TEST_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "prometheus/collectable.h"
#include "prometheus/registry.h"
#include "rocksdb/db.h"
#include "server/base/check.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"
#include "tests/support/fake_clock.h"
#include "tests/support/log_range.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {

inline constexpr absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// An embedded log in a directory of its own, with a clock that stands still.
class TestLog {
 public:
  // Leaves options that a test sets as they are, but for the directory.
  explicit TestLog(EmbeddedLogOptions options = {}) {
    Open(std::move(options));
  }

  EmbeddedLog& operator*() { return *log_; }
  EmbeddedLog* operator->() { return log_.get(); }
  FakeClock& clock() { return clock_; }
  prometheus::Registry& registry() { return *registry_; }
  const std::string& dir() const { return dir_.path(); }

  // Closes the log if it is open, and opens it again.
  void Open(EmbeddedLogOptions options = {}) {
    auto opened = TryOpen(std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.status();
    RELAY_CHECK(opened.ok());
    log_ = *std::move(opened);
  }
  absl::StatusOr<std::unique_ptr<EmbeddedLog>> TryOpen(
      EmbeddedLogOptions options = {}) {
    log_.reset();
    registry_ = std::make_unique<prometheus::Registry>();
    options.data_dir = dir_.path();
    return EmbeddedLog::Open(std::move(options), clock_, *registry_);
  }
  void Close() { log_.reset(); }

  // Appends event number `i`, received `i` seconds after kStart, with a
  // payload that does not compress.
  Sequence Append(int i, size_t payload_bytes = 100) {
    const std::string payload = Noise(static_cast<uint32_t>(i), payload_bytes);
    const absl::StatusOr<Appended> appended = AppendAndWait(
        *log_, MakeEvent({.event_id = absl::StrCat("event-", i),
                          .receive_time = kStart + absl::Seconds(i),
                          .payload = payload}));
    EXPECT_TRUE(appended.ok()) << appended.status();
    return appended.ok() ? appended->sequence : Sequence{};
  }
  // Appends events `first` to `last`, many in one commit.
  void Fill(int first, int last, size_t payload_bytes = 100);

  // Reads on after `after` to the end; the sequences of all it gets.
  std::vector<uint64_t> ReadAll(Sequence after);

  static std::string Noise(uint32_t seed, size_t bytes);

 private:
  TempDir dir_;
  FakeClock clock_ = FakeClock(kStart);
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<EmbeddedLog> log_;
};

// Holds the committing thread in an answer until told to go on.
class Hold {
 public:
  explicit Hold(EventLog& log) {
    log.Append(MakeEvent({.event_id = "hold"}),
               [latches = latches_](const absl::StatusOr<Appended>&) {
                 latches->reached.count_down();
                 latches->let_go.wait();
               });
    latches_->reached.wait();
  }
  ~Hold() { LetGo(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  void LetGo() {
    if (!std::exchange(gone_, true)) latches_->let_go.count_down();
  }

 private:
  // Shared with the thread, which may still look at them when this is gone.
  struct Latches {
    std::latch reached = std::latch(1);
    std::latch let_go = std::latch(1);
  };
  const std::shared_ptr<Latches> latches_ = std::make_shared<Latches>();
  bool gone_ = false;
};

using ColumnFamilies = std::map<std::string, rocksdb::ColumnFamilyHandle*>;

// Opens the database of a closed log behind its back, as it is, for `work`.
void WithDatabase(
    const std::string& dir,
    const std::function<void(rocksdb::DB&, const ColumnFamilies&)>& work);

// The value of a metric without labels: of a gauge or counter, or how often a
// histogram was observed.
double MetricValue(const prometheus::Collectable& metrics,
                   const std::string& name);

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_TEST_LOG_H_
