#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_STATE_STORE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_STATE_STORE_H_

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"

namespace enveloperelay::testing {

// A StateStore in memory, for tests of those who use one. Has no thread: Write
// applies its changes and calls `done` before it returns, unless writes are
// held or it is called from a `done`, which returns first. What the second half
// offers lets a test choose when and how things go wrong. Thread-safe.
class MemoryStateStore final : public StateStore {
 public:
  void Write(std::vector<StateChange> changes, WriteDone done) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> Get(StateTable table,
                                  std::string_view key) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Scan(
      StateTable table, std::string_view begin, std::string_view end,
      absl::FunctionRef<bool(std::string_view key, std::string_view value)>
          visit) const override ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on writes wait, neither durable nor readable.
  void HoldWrites() ABSL_LOCKS_EXCLUDED(mutex_);
  // Completes the writes that wait, in order, and holds no more.
  void ReleaseWrites() ABSL_LOCKS_EXCLUDED(mutex_);
  // Fails the writes that wait and, unless `status` is OK, all that come until
  // this is called with OK. Holds no more.
  void FailWrites(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many writes wait.
  size_t held_writes() const ABSL_LOCKS_EXCLUDED(mutex_);

  // The process is killed: of the writes that wait, the first `written` had
  // become durable, the others are lost, and the `done` of none is called: they
  // are destroyed. What was durable stays. Then the store is as after a start,
  // neither held nor failing.
  void Crash(size_t written = 0) ABSL_LOCKS_EXCLUDED(mutex_);

  // While `error` is not OK, Get and Scan give it.
  void SetReadError(absl::Status error) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many entries a table has, and how many bytes of keys and values.
  size_t entry_count(StateTable table) const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t entry_bytes(StateTable table) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiting {
    std::vector<StateChange> changes;
    WriteDone done;
  };
  using Entries = std::map<std::string, std::string, std::less<>>;

  void CompleteWaiting() ABSL_LOCKS_EXCLUDED(mutex_);
  void Apply(std::vector<StateChange> changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entries& At(StateTable table) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return tables_.at(static_cast<size_t>(table));
  }
  const Entries& At(StateTable table) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return tables_.at(static_cast<size_t>(table));
  }

  mutable Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  // Somebody is in CompleteWaiting() and will see to what is added to waiting_.
  bool completing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_error_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_error_ ABSL_GUARDED_BY(mutex_);
  std::array<Entries, 3> tables_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_STATE_STORE_H_
