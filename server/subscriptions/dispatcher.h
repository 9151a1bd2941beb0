#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DISPATCHER_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DISPATCHER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/clock.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/read_ahead.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/stream/reader.h"
#include "server/stream/response.h"
#include "server/subscriptions/dead_letters.h"
#include "server/subscriptions/lanes.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"

namespace enveloperelay {

// What a worker asks for when it joins.
struct WorkerSpec {
  std::string worker_id;
  std::string peer;            // its network address
  std::string principal = {};  // who it is; see server/access
  v1::EventView view = v1::EVENT_VIEW_FULL;
  // Of one delivery.
  BatchLimits batch = {.events_max = 256, .bytes_max = size_t{1} << 20};
  // Unsettled events that it may have.
  uint32_t outstanding_max = 1000;
};

// A lease, to be sent to its worker.
struct Handout {
  WorkerKey worker;
  uint64_t epoch = 0;
  uint64_t lease = 0;
  Batch batch;
  v1::Delivery delivery;
  std::optional<v1::Gap> gap;
};

// What a subscription may hold.
struct SubscriptionLimits {
  // Events in leases and waiting. No new ones are dispatched beyond it.
  size_t unsettled_max = 250'000;
  // Dead letters. Beyond it events are delivered again instead.
  size_t dead_letters_max = 100'000;
};

// The counters of v1::Subscription, and more.
struct SubscriptionCounters {
  Sequence cursor;       // each event up to it is settled
  uint64_t backlog = 0;  // events that the log has after it
  uint64_t outstanding = 0;
  uint64_t retrying = 0;
  uint64_t dead_letters = 0;
  uint64_t lost_events = 0;
  // InfiniteFuture: nothing is unsettled, as far as the log was looked at;
  // InfinitePast: the log cannot be read.
  absl::Time oldest_unsettled_time = absl::InfiniteFuture();
  // The oldest event that is not settled, and its time as above, without dead
  // letters that were put back: what retention will take first. With nothing
  // unsettled, what comes next.
  Sequence oldest_in_log;
  absl::Time oldest_in_log_time = absl::InfiniteFuture();
};

// The heart of a durable subscription: which events its workers have, which
// wait to be delivered again, which have been put aside. A plain state machine:
// it knows no thread, no socket, and does not write what it decides.
//
//   position ──scan──▶ lease ──DONE──▶ settled
//                       │ ▲ └─DEAD_LETTER, last attempt──▶ dead letter
//     RETRY, RELEASE, deadline │
//                       ▼ │
//                     waiting
//
// All up to the position has been looked at. What of it is not settled stands
// in a lease, or waits, or is blocked behind an event of its envelope: so state
// grows with what is unsettled, not with what is settled.
//
// After each call that is not const, TakeChanges() says what is to be written;
// nothing that the call returned may leave the relay before that is durable.
// Reads the log and the store, so it blocks on the disk. For one thread at a
// time.
class Dispatcher {
 public:
  // What it uses; each outlives it.
  struct Environment {
    EventLog& log;
    const StateStore& store;
    const Clock& clock;
    SubscriptionLimits limits;
    std::function<double()> random;  // evenly from 0 to 1
  };

  // A new subscription that begins at `start`. `epoch` is random.
  static std::unique_ptr<Dispatcher> Create(const Environment& environment,
                                            SubscriptionSettings settings,
                                            const LogStart& start,
                                            uint64_t epoch);
  // The subscription as it is in the store.
  // Errors: kDataLoss, kUnavailable.
  static absl::StatusOr<std::unique_ptr<Dispatcher>> Load(
      const Environment& environment, SubscriptionSettings settings);

  const SubscriptionSettings& settings() const { return settings_; }
  // Errors: kDataLoss, kUnavailable; then nothing has changed.
  absl::Status SetSettings(SubscriptionSettings settings);

  struct Joined {
    WorkerKey key;
    // The worker of the same worker_id that is out of it now.
    std::optional<WorkerKey> superseded;
  };
  // What an older worker of this worker_id holds waits to be delivered again.
  Joined Join(WorkerSpec spec);
  // Its leases stay until their deadlines, or until it joins again.
  void Leave(WorkerKey worker);
  // The worker takes another handout.
  void SetReady(WorkerKey worker);

  // Does what is due, and leases events to workers that are ready. To be called
  // after any other call, at NextDue(), and when the log has grown.
  // Errors: RECORD_CORRUPT, kUnavailable: no worker can be served.
  absl::StatusOr<std::vector<Handout>> Dispatch();
  // Dispatch() has stopped before the end, to let others have their turn.
  bool has_more() const { return has_more_; }
  // Dispatch() has something to do once the log reaches past position().
  bool waits_for_growth() const;
  // Whether anything after position() is wanted is not known.
  bool looks_further() const { return !peeked_micros_.has_value(); }
  Sequence position() const { return Sequence{head_.position()}; }
  // When Dispatch() has something to do next, whatever else happens.
  absl::Time NextDue() const;

  // The handout is about to be sent. False: its lease is over.
  bool MarkSent(const Handout& handout);
  // It was not sent, and will not be: as RELEASE of all of it; another one
  // tells of its gap.
  void TakeBack(const Handout& handout);
  // Applies a settlement of these events. It is valid, but what it names may be
  // gone. `id`: nothing if its delivery_id cannot be read.
  v1::SettlementStatus Settle(const v1::Settlement& settlement,
                              const std::optional<LeaseId>& id);

  // Moves the position and revokes all leases. Dead letters that were put back
  // are dead letters again; all of them stay. `epoch` is random.
  void Seek(const LogStart& start, uint64_t epoch);

  // Dead letters by sequence, or all; `max_count` 0: without limit.
  struct LetterSpec {
    std::optional<std::vector<Sequence>> sequences;
    uint64_t max_count = 0;
    bool dry_run = false;
  };
  // Puts them back for delivery; says how many. One whose event a seek has
  // brought back, so that it is unsettled or is to come in its turn, is only
  // removed. Errors: kDataLoss, kUnavailable.
  absl::StatusOr<uint64_t> Replay(const LetterSpec& spec);
  absl::StatusOr<uint64_t> DeleteLetters(const LetterSpec& spec);
  const DeadLetters& dead_letters() const { return letters_; }

  // Lets Counters() see what retention has taken, and whether what comes next
  // is wanted. Dispatch() does so, too.
  void Refresh();
  SubscriptionCounters Counters() const;
  // Connected workers, in the order in which they joined.
  std::vector<v1::Worker> Workers() const;
  bool has_workers() const { return !workers_.empty(); }
  // Since when it has had none.
  absl::Time unused_since() const;

  bool has_changes() const;
  std::vector<StateChange> TakeChanges();
  // What TakeChanges() returned last is durable. Before the next TakeChanges().
  void OnDurable() { letters_.OnDurable(); }

 private:
  struct Worker {
    WorkerSpec spec;
    int64_t connect_micros = 0;
    uint64_t outstanding = 0;
    bool ready = false;
    bool queued = false;  // in ready_workers_
  };
  struct Waiting {
    Dispatched event;
    int64_t due_micros = 0;
  };
  // An event that is about to be leased.
  struct Pick {
    Dispatched event;
    std::shared_ptr<const Chunk> chunk;
    size_t index = 0;
  };
  // What a lease may still take.
  struct Room {
    size_t events;
    size_t bytes;
    size_t runs = kLeaseRunsMax;
  };
  struct Picks {
    std::vector<Pick> list;
    Room room;
    bool Add(Pick pick);
  };
  enum class Looked : uint8_t { kMore, kEnd, kFull };

  Dispatcher(Environment environment, SubscriptionSettings settings,
             internal::SubscriptionHead head);

  int64_t NowMicros() const;
  bool LastAttempt(uint32_t attempts) const;

  // dispatcher.cc: time, retention, workers.
  void ExpireLeases(int64_t now);
  void ExpireLease(Lease& lease, int64_t until);
  void WakeWaiting(int64_t now);
  absl::Status ApplyRetention();
  absl::Status TrimLane(Lane& lane, Sequence earliest);
  void Lose(uint64_t events);
  void Enqueue(WorkerKey key, Worker& worker);
  bool EraseWorker(WorkerKey worker);

  // Where an event goes.
  Dispatched Take(Lease& lease, LeasedEvent& leased);
  void Finish(const Dispatched& event);
  void Wait(const Dispatched& event, int64_t due_micros);
  void MakeReady(const Dispatched& event);
  void LaneChanged(Lane& lane);
  Waiting EraseWaiting(absl::btree_map<Sequence, Waiting>::iterator waiting);
  // False if there is no room for more dead letters.
  bool PutAside(const Dispatched& event, const std::string& reason,
                const std::string& worker_id);

  // picks.cc: what a worker gets.
  absl::StatusOr<std::optional<Handout>> LeaseTo(WorkerKey key, Worker& worker);
  absl::Status PickWaiting(Picks& picks);
  absl::Status PickLanes(Picks& picks);
  absl::Status PickNew(Picks& picks);
  absl::StatusOr<LogRange> ReadNext(size_t events_max, size_t bytes_max);
  bool HasRoom(const Picks& picks) const;
  bool IsUnsettled(Sequence sequence) const;
  bool Wants(const Chunk& chunk, const RecordRef& ref) const;
  absl::StatusOr<ChunkSpan> ReadAgain(const Dispatched& event) const;
  struct LaneEvents {
    std::optional<Pick> first;
    Sequence next;  // 0: none
    int64_t next_micros = 0;
    uint64_t count = 0;
  };
  absl::StatusOr<LaneEvents> ReadLane(const Lane& lane, Sequence from,
                                      bool count_all) const;
  bool PickRecord(const std::shared_ptr<const Chunk>& chunk, size_t index,
                  Picks& picks);
  std::optional<v1::Gap> TakeGap();
  // What the log, or a copy, knows of an event.
  struct Origin {
    std::string envelope_id;
    int64_t receive_micros = 0;
  };
  static Origin ReadCopy(const internal::StoredDeadLetter& copy);
  // Nothing: the event is no longer retained. `ahead` is for events in order.
  absl::StatusOr<std::optional<Origin>> FindOrigin(const Dispatched& event,
                                                   ReadAhead& ahead) const;
  void JoinLane(const Origin& origin, Dispatched& event);
  Handout MakeHandout(WorkerKey key, Worker& worker, std::vector<Pick> picks);
  absl::Status Peek();
  absl::Status LookFurther();
  const Dispatched* OldestCopy() const;
  // Nothing is read along for workers who are not there.
  void DropAheadIfUnused();
  size_t unsettled() const { return leases_.events() + waiting_.size(); }

  // settle.cc
  // Nothing: the event is settled already.
  std::optional<v1::SettlementStatus> SettleOne(
      const LeaseId& id, Sequence sequence, const v1::Settlement& settlement);
  v1::SettlementStatus SettledBefore(const LeaseId& id, Sequence sequence,
                                     v1::AckAction action) const;
  v1::SettlementStatus Apply(Lease& lease, LeasedEvent& leased,
                             const v1::Settlement& settlement);
  // The dead letter of an event of the present epoch.
  std::optional<internal::StoredDeadLetter> RecentLetter(
      Sequence sequence) const;
  // DONE, by this lease, for what was dead-lettered in the meantime. False: it
  // was not, or is not meant.
  bool RemoveLateLetter(uint64_t lease, Sequence sequence, bool named);
  // The event is settled: its copy, if it has one, is needed no longer.
  void DropCopy(const Dispatched& event);
  absl::StatusOr<std::vector<Sequence>> FindLetters(
      const LetterSpec& spec) const;
  // Puts back a dead letter, whose event may be `leased`. False: there is no
  // room for it.
  absl::StatusOr<bool> ReplayOne(Sequence sequence, bool leased);
  // Whether the log still has the event for a worker, without its copy.
  absl::StatusOr<bool> IsToCome(Sequence sequence,
                                const std::string& envelope_id);

  // load.cc
  absl::Status LoadLeases();
  absl::Status LoadWaiting();
  absl::Status LoadBlocked();
  absl::StatusOr<std::map<Sequence, Origin>> FindOrigins();
  void Reorder(const std::map<Sequence, Origin>& origins);

  void MarkLease(uint64_t number) { dirty_leases_.insert(number); }
  void MarkWaiting(Sequence sequence) { dirty_waiting_.insert(sequence); }
  void MarkBlocked(Sequence from) {
    if (from.value != 0) dirty_blocked_.insert(from);
  }

  const Environment env_;
  SubscriptionSettings settings_;
  internal::SubscriptionHead head_;
  ReadAhead ahead_;

  Lanes lanes_;
  Leases leases_;
  absl::btree_map<Sequence, Waiting> waiting_;
  // Those of them that are no copies.
  absl::btree_set<Sequence> waiting_in_log_;
  // Of those that are not due yet.
  absl::btree_set<std::pair<int64_t, Sequence>> due_;
  // Those that can be leased now.
  absl::btree_set<Sequence> ready_;
  // Taken out of waiting_ for the lease that is being made, in order.
  std::vector<Sequence> picked_;
  DeadLetters letters_;

  std::map<WorkerKey, Worker> workers_;
  std::deque<WorkerKey> ready_workers_;
  uint64_t last_worker_ = 0;

  Sequence earliest_;  // of the log, when retention was looked at
  bool has_more_ = false;
  // The event right after the position is wanted, and was received then.
  std::optional<int64_t> peeked_micros_;
  // What stands there could not be read.
  bool unreadable_ = false;

  std::vector<StateChange> changes_;
  bool head_changed_ = false;
  uint64_t written_position_ = 0;
  std::set<uint64_t> dirty_leases_;
  std::set<Sequence> dirty_waiting_;
  std::set<Sequence> dirty_blocked_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DISPATCHER_H_
