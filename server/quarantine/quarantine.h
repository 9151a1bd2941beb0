#ifndef ENVELOPE_RELAY_SERVER_QUARANTINE_QUARANTINE_H_
#define ENVELOPE_RELAY_SERVER_QUARANTINE_QUARANTINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/quarantine_state.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"
#include "server/quarantine/metrics.h"

namespace enveloperelay {

// A webhook that could not be turned into an event.
struct RefusedWebhook {
  v1::QuarantineReason reason = v1::QUARANTINE_REASON_UNSPECIFIED;
  std::string detail;
  std::string content_type;
  std::string traceparent = {};
  std::string body;  // secrets are blanked
  absl::Time receive_time;
};

struct QuarantineLimits {
  // The oldest bodies go while there are more, or more bytes of them, or while
  // they came first longer ago than this. No bodies: none is kept. The bytes
  // are those of the largest body at least.
  size_t bodies_max = 10'000;
  uint64_t bytes_max = uint64_t{64} << 20;
  absl::Duration age = absl::InfiniteDuration();
  // Memory for bodies on their way to the disk; further ones are refused.
  size_t pending_bytes_max = size_t{16} << 20;
};

// The bodies that could not be turned into events, in a StateStore. What comes
// again is counted. In memory is an index of them, without the bodies.
// Thread-safe. Must outlive the writes of the store.
class Quarantine {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  // All but the limits outlive it.
  Quarantine(const QuarantineLimits& limits, StateStore& store,
             const Clock& clock, prometheus::Registry& registry)
      : limits_(limits), store_(store), clock_(clock), metrics_(registry) {}
  ~Quarantine() = default;
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  // Reads what there is: to be called first, once. Blocks on the disk.
  // Errors: kDataLoss, kUnavailable.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps `webhook`, or counts it if it is kept already, and calls `done` once,
  // when that is durable or has failed, on a thread that must not be held up.
  // May call it before it returns. Non-blocking.
  // Errors: kResourceExhausted (too many are on their way), kUnavailable.
  void Keep(RefusedWebhook webhook, Done done) ABSL_LOCKS_EXCLUDED(mutex_);

  // False: bodies are not to be kept at all.
  bool keeps() const { return limits_.bodies_max > 0; }
  // Counts a body that its receiver could not even try to keep.
  void CountFailed() { metrics_.Failed(); }

  // Which ones: with this reason, or with any; after or, newest first, before
  // the one of that number, if there is one.
  struct Selection {
    v1::QuarantineReason reason = v1::QUARANTINE_REASON_UNSPECIFIED;
    std::optional<uint64_t> after = {};
    bool oldest_first = true;
  };
  struct Listed {
    uint64_t number = 0;
    std::string id;
  };
  // Returns the first `max` of them. Non-blocking.
  std::vector<Listed> List(const Selection& selection, size_t max) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether it is there. Non-blocking.
  bool Contains(const std::string& id) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns one, with its body or without. Blocks on the disk.
  // Errors: kNotFound, kDataLoss, kUnavailable.
  absl::StatusOr<v1::QuarantinedWebhook> Get(const std::string& id,
                                             bool with_body) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes those of `ids` that are there, and calls `done` with how many they
  // were, as Keep does, when they are gone durably. Non-blocking.
  // Errors: kUnavailable.
  using RemoveDone = absl::AnyInvocable<void(absl::StatusOr<size_t>) &&>;
  void Remove(const std::vector<std::string>& ids, QuarantineExit cause,
              RemoveDone done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes what has become too old: to be called now and then. Non-blocking.
  void Prune() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is known of a body without asking the store.
  struct Entry {
    std::string id;
    v1::QuarantineReason reason = v1::QUARANTINE_REASON_UNSPECIFIED;
    uint32_t body_bytes = 0;
    uint64_t count = 1;
    int64_t first_micros = 0;
    int64_t last_micros = 0;
  };
  using Entries = std::map<uint64_t, Entry>;  // by number

  // A write that has not been handed to the store yet, or not been answered.
  struct PendingWrite {
    std::vector<StateChange> changes;
    // Of Keep; 0 otherwise.
    size_t bytes = 0;
    // The body that it brings; 0: none.
    uint64_t number = 0;
    Done done;
  };

  absl::Status LoadEntries(Entries& entries) const;
  absl::Status LoadRepeats(
      const absl::flat_hash_map<std::string, uint64_t>& numbers,
      Entries& entries) const;

  bool ReservePending(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  PendingWrite PrepareKeep(RefusedWebhook webhook)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutNew(std::string id, RefusedWebhook webhook, PendingWrite& write)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void PutRepeat(const RefusedWebhook& webhook, Entry& entry,
                        PendingWrite& write);
  // Removes the oldest until there is room for one more of that size.
  void MakeRoom(size_t body_bytes, std::vector<StateChange>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOld(std::vector<StateChange>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveExcess(size_t bodies_max, uint64_t bytes_max,
                    std::vector<StateChange>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(Entries::iterator entry, QuarantineExit cause,
              std::vector<StateChange>& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Hands what waits to the store, in order.
  void Flush() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWritten(size_t bytes, uint64_t number, Done done, absl::Status status)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const QuarantineLimits limits_;
  StateStore& store_;
  const Clock& clock_;
  QuarantineMetrics metrics_;

  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> numbers_
      ABSL_GUARDED_BY(mutex_);  // by id
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // It was told that bodies have to go for others.
  bool told_full_ ABSL_GUARDED_BY(mutex_) = false;
  // Writes in the order of what they are about, and whether somebody hands them
  // over.
  std::deque<PendingWrite> waiting_ ABSL_GUARDED_BY(mutex_);
  bool flushing_ ABSL_GUARDED_BY(mutex_) = false;
  size_t pending_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_QUARANTINE_QUARANTINE_H_
