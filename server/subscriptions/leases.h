#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASES_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "server/log/sequence.h"
#include "server/subscriptions/lanes.h"

namespace enveloperelay {

// Names a worker that has joined, until it leaves.
struct WorkerKey {
  uint64_t value = 0;
  friend auto operator<=>(WorkerKey, WorkerKey) = default;
};

// An event that was dispatched and is not settled, in a lease or waiting.
struct Dispatched {
  Sequence sequence;
  Lane* lane = nullptr;  // null when envelopes have no order
  int64_t receive_micros = 0;
  uint32_t attempts = 0;  // deliveries so far
  // The newest lease that gave it back by a settlement; 0: none did.
  uint64_t returned_by = 0;
  // It is read from its copy among the dead letters.
  bool copied = false;
  // An earlier lease may still name it.
  bool again = false;
};

struct LeasedEvent {
  Dispatched event;
  int64_t deadline_micros = 0;
  bool gone = false;  // settled, or taken back
};

// Events in the hands of a worker, or of one that has gone.
struct Lease {
  uint64_t number = 0;
  WorkerKey worker;  // 0: has gone
  std::string worker_id;
  std::vector<LeasedEvent> events = {};  // in order
  size_t held = 0;                       // of `events`, those not gone
  size_t first = 0;                      // the oldest of those
  size_t first_in_log = 0;               // of those that are no copies
  bool sent = false;                     // or may have been
  // No held event has an earlier deadline.
  int64_t deadline_micros = 0;
};

// Returns the lease as internal::StoredLease: what it holds.
std::string EncodeLease(const Lease& lease);
// Reads what EncodeLease wrote: an event knows its sequence, attempts,
// deadline, whether it is copied and who gave it back. Nothing if it is
// something else.
std::optional<Lease> DecodeLease(uint64_t number, std::string_view value);

// The leases of a subscription. For one thread at a time.
class Leases {
 public:
  // Takes in a lease with events, none of them gone.
  Lease& Add(Lease lease);
  Lease* Find(uint64_t number) const;
  // The lease that holds `sequence`, if the event was delivered before.
  Lease* FindHolder(Sequence sequence) const;
  // The event, if the lease holds it.
  static LeasedEvent* FindHeld(Lease& lease, Sequence sequence);

  // Takes the event out of its lease; the lease goes with its last one.
  Dispatched Take(Lease& lease, LeasedEvent& event);
  void SetDeadline(Lease& lease, LeasedEvent& event, int64_t deadline_micros);

  // The lease with the earliest deadline; null: there is none. Its deadline is
  // true once Refresh() leaves it as it is.
  Lease* Earliest();
  // Sets its deadline to the earliest of its events'.
  void Refresh(Lease& lease);

  std::optional<int64_t> NextDeadline() const;

  // The oldest event in a lease that is no copy.
  const Dispatched* OldestInLog() const;
  // Events in leases.
  size_t events() const { return events_; }
  template <typename Function>
  void ForEach(Function function) const {
    for (const auto& [number, lease] : leases_) function(*lease);
  }
  void Clear();

 private:
  void FindFirstInLog(Lease& lease, size_t from);

  absl::flat_hash_map<uint64_t, std::unique_ptr<Lease>> leases_;
  // By their oldest events that are no copies.
  absl::btree_map<Sequence, Lease*> by_oldest_;
  absl::btree_set<std::pair<int64_t, uint64_t>> by_deadline_;
  // Events that were delivered before, to the numbers of their leases.
  absl::flat_hash_map<uint64_t, uint64_t> redelivered_;
  size_t events_ = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_LEASES_H_
