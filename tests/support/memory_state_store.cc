#include "tests/support/memory_state_store.h"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"

namespace enveloperelay::testing {

void MemoryStateStore::Write(std::vector<StateChange> changes, WriteDone done) {
  {
    const MutexLock lock(mutex_);
    waiting_.push_back({std::move(changes), std::move(done)});
  }
  CompleteWaiting();
}

void MemoryStateStore::CompleteWaiting() {
  {
    const MutexLock lock(mutex_);
    if (completing_) return;
    completing_ = true;
  }
  // Goes on until nothing waits: a write may come from a callback.
  for (;;) {
    Waiting next;
    absl::Status status;
    {
      const MutexLock lock(mutex_);
      if (held_ || waiting_.empty()) {
        completing_ = false;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
      status = write_error_;
      if (status.ok()) Apply(std::move(next.changes));
    }
    std::move(next.done)(std::move(status));
  }
}

void MemoryStateStore::Apply(std::vector<StateChange> changes) {
  for (StateChange& change : changes) {
    Entries& entries = At(change.table);
    if (!change.range_end.empty()) {
      RELAY_CHECK(!change.value.has_value());
      if (change.range_end <= change.key) continue;
      entries.erase(entries.lower_bound(change.key),
                    entries.lower_bound(change.range_end));
    } else if (change.value.has_value()) {
      entries.insert_or_assign(std::move(change.key), *std::move(change.value));
    } else {
      entries.erase(change.key);
    }
  }
}

absl::StatusOr<std::string> MemoryStateStore::Get(StateTable table,
                                                  std::string_view key) const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  const Entries& entries = At(table);
  const auto found = entries.find(key);
  if (found == entries.end()) return absl::NotFoundError("no such key");
  return found->second;
}

absl::Status MemoryStateStore::Scan(
    StateTable table, std::string_view begin, std::string_view end,
    absl::FunctionRef<bool(std::string_view key, std::string_view value)> visit)
    const {
  const MutexLock lock(mutex_);
  if (!read_error_.ok()) return read_error_;
  const Entries& entries = At(table);
  for (auto it = entries.lower_bound(begin);
       it != entries.end() && it->first < end; ++it) {
    if (!visit(it->first, it->second)) break;
  }
  return absl::OkStatus();
}

void MemoryStateStore::HoldWrites() {
  const MutexLock lock(mutex_);
  held_ = true;
}

void MemoryStateStore::ReleaseWrites() {
  {
    const MutexLock lock(mutex_);
    held_ = false;
  }
  CompleteWaiting();
}

void MemoryStateStore::FailWrites(const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    held_ = false;
    write_error_ = status;
  }
  CompleteWaiting();
}

size_t MemoryStateStore::held_writes() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

void MemoryStateStore::Crash(size_t written) {
  // Outlives the lock: what a callback holds may do anything when it goes.
  std::deque<Waiting> lost;
  const MutexLock lock(mutex_);
  lost.swap(waiting_);
  for (Waiting& waiting : lost) {
    if (written == 0) break;
    --written;
    Apply(std::move(waiting.changes));
  }
  held_ = false;
  write_error_ = absl::OkStatus();
  read_error_ = absl::OkStatus();
}

void MemoryStateStore::SetReadError(absl::Status error) {
  const MutexLock lock(mutex_);
  read_error_ = std::move(error);
}

size_t MemoryStateStore::entry_count(StateTable table) const {
  const MutexLock lock(mutex_);
  return At(table).size();
}

size_t MemoryStateStore::entry_bytes(StateTable table) const {
  const MutexLock lock(mutex_);
  size_t bytes = 0;
  for (const auto& [key, value] : At(table)) bytes += key.size() + value.size();
  return bytes;
}

}  // namespace enveloperelay::testing
