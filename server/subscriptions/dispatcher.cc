#include "server/subscriptions/dispatcher.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/check.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/tail.h"
#include "server/stream/proto_time.h"
#include "server/stream/reader.h"
#include "server/subscriptions/lanes.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"

namespace enveloperelay {
namespace {

// Events that are passed over before the position is written for their sake:
// after a restart they are looked at again.
constexpr uint64_t kUnwrittenMax = 10'000;

constexpr StateTable kTable = StateTable::kSubscriptions;

}  // namespace

Dispatcher::Dispatcher(Environment environment, SubscriptionSettings settings,
                       internal::SubscriptionHead head)
    : env_(std::move(environment)),
      settings_(std::move(settings)),
      head_(std::move(head)),
      letters_(env_.store, settings_.proto.name()),
      written_position_(head_.position()) {}

std::unique_ptr<Dispatcher> Dispatcher::Create(const Environment& environment,
                                               SubscriptionSettings settings,
                                               const LogStart& start,
                                               uint64_t epoch) {
  internal::SubscriptionHead head;
  head.set_position(start.position.value);
  head.set_begin_micros(start.begin_micros);
  head.set_epoch(epoch);
  head.set_unused_since_micros(absl::ToUnixMicros(environment.clock.Now()));
  // Not make_unique: the constructor is private.
  std::unique_ptr<Dispatcher> dispatcher(
      new Dispatcher(environment, std::move(settings), std::move(head)));
  dispatcher->head_changed_ = true;
  return dispatcher;
}

int64_t Dispatcher::NowMicros() const {
  return absl::ToUnixMicros(env_.clock.Now());
}

bool Dispatcher::LastAttempt(uint32_t attempts) const {
  return attempts >= settings_.attempts_max;
}

Dispatcher::Joined Dispatcher::Join(WorkerSpec spec) {
  Joined joined{.key = WorkerKey{++last_worker_}, .superseded = std::nullopt};
  for (const auto& [key, worker] : workers_) {
    if (worker.spec.worker_id == spec.worker_id) joined.superseded = key;
  }
  if (joined.superseded.has_value()) EraseWorker(*joined.superseded);
  std::vector<uint64_t> taken_over;
  leases_.ForEach([&](const Lease& lease) {
    if (lease.worker_id == spec.worker_id) taken_over.push_back(lease.number);
  });
  // What becomes of them does not depend on the table's order.
  std::ranges::sort(taken_over);
  for (const uint64_t number : taken_over) {
    ExpireLease(*leases_.Find(number), INT64_MAX);
  }
  workers_.emplace(joined.key, Worker{.spec = std::move(spec),
                                      .connect_micros = NowMicros()});
  return joined;
}

bool Dispatcher::EraseWorker(WorkerKey worker) {
  // Those that are ready share what there is.
  std::erase(ready_workers_, worker);
  return workers_.erase(worker) > 0;
}

void Dispatcher::Leave(WorkerKey worker) {
  if (!EraseWorker(worker)) return;
  leases_.ForEach([worker](Lease& lease) {
    if (lease.worker == worker) lease.worker = {};
  });
  if (workers_.empty()) {
    DropAheadIfUnused();
    head_.set_unused_since_micros(NowMicros());
    head_changed_ = true;
  }
}

void Dispatcher::SetReady(WorkerKey worker) {
  const auto found = workers_.find(worker);
  if (found == workers_.end()) return;
  found->second.ready = true;
  Enqueue(worker, found->second);
}

void Dispatcher::Enqueue(WorkerKey key, Worker& worker) {
  if (!worker.ready || worker.queued ||
      worker.outstanding >= worker.spec.outstanding_max) {
    return;
  }
  worker.queued = true;
  ready_workers_.push_back(key);
}

absl::StatusOr<std::vector<Handout>> Dispatcher::Dispatch() {
  has_more_ = false;
  const int64_t now = NowMicros();
  ExpireLeases(now);
  absl::Status status = ApplyRetention();
  if (!status.ok()) return status;
  WakeWaiting(now);

  std::vector<Handout> handouts;
  while (!ready_workers_.empty() && !settings_.paused) {
    const WorkerKey key = ready_workers_.front();
    Worker& worker = workers_.at(key);
    absl::StatusOr<std::optional<Handout>> handout = LeaseTo(key, worker);
    status = handout.status();
    if (!status.ok() || !handout->has_value()) break;
    ready_workers_.pop_front();
    worker.queued = false;
    worker.ready = false;
    handouts.push_back(**std::move(handout));
  }
  status.Update(Peek());
  DropAheadIfUnused();
  if (!status.ok() && handouts.empty()) return status;
  return handouts;
}

void Dispatcher::Refresh() {
  // What cannot be read is told to those who want the events.
  ApplyRetention().IgnoreError();
  Peek().IgnoreError();
  DropAheadIfUnused();
}

void Dispatcher::DropAheadIfUnused() {
  if (workers_.empty()) ahead_.Drop();
}

bool Dispatcher::waits_for_growth() const {
  return !peeked_micros_.has_value() && env_.log.tail().end() <= position();
}

absl::Time Dispatcher::NextDue() const {
  int64_t due = INT64_MAX;
  if (const auto lease = leases_.NextDeadline(); lease.has_value()) {
    due = *lease;
  }
  if (!due_.empty()) due = std::min(due, due_.begin()->first);
  return due == INT64_MAX ? absl::InfiniteFuture() : absl::FromUnixMicros(due);
}

void Dispatcher::ExpireLeases(int64_t now) {
  for (Lease* lease = leases_.Earliest();
       lease != nullptr && lease->deadline_micros <= now;
       lease = leases_.Earliest()) {
    leases_.Refresh(*lease);
    if (lease->deadline_micros <= now) ExpireLease(*lease, now);
  }
}

// Ends the lease on those of its events whose deadline is `until` at the
// latest.
void Dispatcher::ExpireLease(Lease& lease, int64_t until) {
  const uint64_t number = lease.number;
  const std::string worker_id = lease.worker_id;
  const bool sent = lease.sent;
  std::vector<Sequence> expired;
  for (const LeasedEvent& leased : lease.events) {
    if (!leased.gone && leased.deadline_micros <= until) {
      expired.push_back(leased.event.sequence);
    }
  }
  const int64_t now = NowMicros();
  for (const Sequence sequence : expired) {
    Lease& here = *leases_.Find(number);
    Dispatched event = Take(here, *Leases::FindHeld(here, sequence));
    if (!sent) --event.attempts;
    if (!LastAttempt(event.attempts)) {
      Wait(event, now);
    } else if (PutAside(event, "max_attempts", worker_id)) {
      Finish(event);
    } else {
      Wait(event, now + absl::ToInt64Microseconds(settings_.max_backoff));
    }
  }
  if (Lease* rest = leases_.Find(number); rest != nullptr) {
    leases_.Refresh(*rest);
  }
}

void Dispatcher::WakeWaiting(int64_t now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const Sequence sequence = due_.begin()->second;
    due_.erase(due_.begin());
    MakeReady(waiting_.find(sequence)->second.event);
  }
}

void Dispatcher::Lose(uint64_t events) {
  if (events == 0) return;
  head_.set_lost_events(head_.lost_events() + events);
  head_.set_gap_lost_events(head_.gap_lost_events() + events);
  head_.set_gap_next_sequence(earliest_.value);
  head_changed_ = true;
}

absl::Status Dispatcher::ApplyRetention() {
  const Sequence earliest = env_.log.Bounds().earliest;
  if (earliest == earliest_) return absl::OkStatus();
  earliest_ = earliest;
  while (!lanes_.blocked().empty() &&
         lanes_.blocked().begin()->first < earliest) {
    absl::Status status = TrimLane(*lanes_.blocked().begin()->second, earliest);
    if (!status.ok()) {
      earliest_ = {};  // to be looked at again
      return status;
    }
  }
  const std::vector<Sequence> lost(waiting_in_log_.begin(),
                                   waiting_in_log_.lower_bound(earliest));
  for (const Sequence sequence : lost) {
    Finish(EraseWaiting(waiting_.find(sequence)).event);
    Lose(1);
  }
  if (position().Next() < earliest) {
    Lose(earliest.value - 1 - position().value);
    head_.set_position(earliest.value - 1);
    peeked_micros_.reset();
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::TrimLane(Lane& lane, Sequence earliest) {
  const absl::StatusOr<LaneEvents> left =
      ReadLane(lane, earliest, /*count_all=*/true);
  if (!left.ok()) return left.status();
  const uint64_t blocked = lane.blocked;
  const bool was_free = lanes_.free().contains(lane.blocked_from);
  MarkBlocked(lane.blocked_from);
  if (left->count == 0) {
    lanes_.SetBlocked(lane, {}, 0, 0);
    lanes_.DropIfEmpty(lane);
  } else {
    lanes_.SetBlocked(lane, left->first->event.sequence,
                      left->first->event.receive_micros, left->count);
    lanes_.SetFree(lane, was_free);
    MarkBlocked(lane.blocked_from);
  }
  Lose(blocked - std::min(blocked, left->count));
  return absl::OkStatus();
}

Dispatched Dispatcher::Take(Lease& lease, LeasedEvent& leased) {
  const auto worker = workers_.find(lease.worker);
  if (worker != workers_.end()) {
    --worker->second.outstanding;
    Enqueue(worker->first, worker->second);
  }
  MarkLease(lease.number);
  const Dispatched event = leases_.Take(lease, leased);
  if (event.lane != nullptr) --event.lane->leased;
  return event;
}

// The event is settled, or lost.
void Dispatcher::Finish(const Dispatched& event) {
  if (event.lane == nullptr) return;
  Lanes::RemoveUnsettled(*event.lane, event.sequence);
  LaneChanged(*event.lane);
}

// The event, which is of its lane already, waits to be delivered again.
void Dispatcher::Wait(const Dispatched& event, int64_t due_micros) {
  if (event.sequence < earliest_ && !event.copied) {
    Lose(1);
    Finish(event);
    return;
  }
  Waiting waiting{.event = event, .due_micros = due_micros};
  waiting.event.again = true;
  RELAY_CHECK(waiting_.emplace(event.sequence, waiting).second);
  if (!event.copied) waiting_in_log_.insert(event.sequence);
  MarkWaiting(event.sequence);
  if (due_micros <= NowMicros()) {
    MakeReady(event);
    return;
  }
  due_.emplace(due_micros, event.sequence);
  // An older one of the envelope may have waited for the end of the lease.
  if (event.lane != nullptr) LaneChanged(*event.lane);
}

// The event's time has come: it can be leased as soon as it is the first of
// its lane.
void Dispatcher::MakeReady(const Dispatched& event) {
  if (event.lane == nullptr) {
    ready_.insert(event.sequence);
  } else {
    LaneChanged(*event.lane);
  }
}

// Sees whose turn it is in a lane.
void Dispatcher::LaneChanged(Lane& lane) {
  if (lane.leased > 0) return;
  if (lane.unsettled.empty()) {
    if (lane.blocked > 0) lanes_.SetFree(lane, true);
    lanes_.DropIfEmpty(lane);
    return;
  }
  const auto first = waiting_.find(lane.unsettled.front());
  if (first != waiting_.end() &&
      !due_.contains({first->second.due_micros, first->first})) {
    ready_.insert(first->first);
  }
}

Dispatcher::Waiting Dispatcher::EraseWaiting(
    absl::btree_map<Sequence, Waiting>::iterator waiting) {
  Waiting erased = waiting->second;
  due_.erase({erased.due_micros, waiting->first});
  ready_.erase(waiting->first);
  waiting_in_log_.erase(waiting->first);
  MarkWaiting(waiting->first);
  waiting_.erase(waiting);
  return erased;
}

bool Dispatcher::PutAside(const Dispatched& event, const std::string& reason,
                          const std::string& worker_id) {
  const absl::StatusOr<internal::StoredDeadLetter> before =
      letters_.Get(event.sequence);
  if (!before.ok() && !absl::IsNotFound(before.status())) return false;
  // A seek has brought it back: the new dead letter takes the old one's place.
  const bool replaces = before.ok() && !letters_.IsPutBack(event.sequence);
  if (!letters_.HasRoom() ||
      (!replaces && head_.dead_letters() >= env_.limits.dead_letters_max)) {
    return false;
  }
  internal::StoredDeadLetter stored;
  if (event.copied) {
    if (!before.ok()) return false;
    stored = *before;
  } else {
    const absl::StatusOr<ChunkSpan> span = env_.log.Get(event.sequence);
    if (!span.ok()) return false;
    stored.set_event(
        std::string(span->chunk->Event(span->chunk->records[span->first])));
  }
  stored.set_epoch(head_.epoch());
  stored.set_returned_by(event.returned_by);
  v1::DeadLetter& letter = *stored.mutable_letter();
  letter.set_attempts(event.attempts);
  letter.set_reason(reason);
  letter.set_worker_id(worker_id);
  *letter.mutable_dead_letter_time() = ToProto(env_.clock.Now());
  letters_.Put(event.sequence, std::move(stored));
  if (!replaces) head_.set_dead_letters(head_.dead_letters() + 1);
  head_changed_ = true;
  return true;
}

void Dispatcher::Seek(const LogStart& start, uint64_t epoch) {
  leases_.Clear();
  waiting_.clear();
  waiting_in_log_.clear();
  due_.clear();
  ready_.clear();
  lanes_.Clear();
  dirty_leases_.clear();
  dirty_waiting_.clear();
  dirty_blocked_.clear();
  for (const StateKind kind :
       {StateKind::kLease, StateKind::kWaiting, StateKind::kBlocked}) {
    changes_.push_back(
        RemoveRange(kTable, KeysOf(kind, settings_.proto.name())));
  }
  for (auto& [key, worker] : workers_) {
    worker.outstanding = 0;
    Enqueue(key, worker);
  }
  head_.set_dead_letters(head_.dead_letters() + letters_.TakeBackAll());
  head_.set_position(start.position.value);
  head_.set_begin_micros(start.begin_micros);
  head_.set_epoch(epoch);
  head_.clear_gap_lost_events();
  head_changed_ = true;
  peeked_micros_.reset();
  earliest_ = {};  // to be looked at again
}

// The oldest unsettled event that is read from its copy.
const Dispatched* Dispatcher::OldestCopy() const {
  const std::optional<Sequence> sequence = letters_.OldestPutBack();
  if (!sequence.has_value()) return nullptr;
  const auto waiting = waiting_.find(*sequence);
  if (waiting != waiting_.end()) return &waiting->second.event;
  Lease* const lease = leases_.FindHolder(*sequence);
  return lease == nullptr ? nullptr
                          : &Leases::FindHeld(*lease, *sequence)->event;
}

SubscriptionCounters Dispatcher::Counters() const {
  SubscriptionCounters counters;
  Sequence oldest = position().Next();
  absl::Time time = unreadable_ ? absl::InfinitePast() : absl::InfiniteFuture();
  if (peeked_micros_.has_value()) time = absl::FromUnixMicros(*peeked_micros_);
  const auto consider = [&](Sequence sequence, int64_t receive_micros) {
    if (sequence >= oldest) return;
    oldest = sequence;
    time = absl::FromUnixMicros(receive_micros);
  };
  if (const Dispatched* leased = leases_.OldestInLog(); leased != nullptr) {
    consider(leased->sequence, leased->receive_micros);
  }
  if (!waiting_in_log_.empty()) {
    const auto waiting = waiting_.find(*waiting_in_log_.begin());
    consider(waiting->first, waiting->second.event.receive_micros);
  }
  if (!lanes_.blocked().empty()) {
    consider(lanes_.blocked().begin()->first,
             lanes_.blocked().begin()->second->blocked_micros);
  }
  counters.oldest_in_log = oldest;
  counters.oldest_in_log_time = time;
  if (const Dispatched* copy = OldestCopy(); copy != nullptr) {
    consider(copy->sequence, copy->receive_micros);
  }
  counters.oldest_unsettled_time = time;
  counters.cursor = Sequence{oldest.value - 1};
  counters.backlog = env_.log.Bounds().CountAfter(counters.cursor);
  counters.outstanding = leases_.events();
  counters.retrying = waiting_.size();
  counters.dead_letters = head_.dead_letters();
  counters.lost_events = head_.lost_events();
  return counters;
}

std::vector<v1::Worker> Dispatcher::Workers() const {
  std::vector<v1::Worker> workers;
  for (const auto& [key, worker] : workers_) {
    v1::Worker& proto = workers.emplace_back();
    proto.set_worker_id(worker.spec.worker_id);
    proto.set_peer(worker.spec.peer);
    proto.set_principal(worker.spec.principal);
    *proto.mutable_connect_time() =
        ToProto(absl::FromUnixMicros(worker.connect_micros));
    proto.set_outstanding(worker.outstanding);
  }
  return workers;
}

absl::Time Dispatcher::unused_since() const {
  return absl::FromUnixMicros(head_.unused_since_micros());
}

bool Dispatcher::has_changes() const {
  return head_changed_ || !changes_.empty() || !dirty_leases_.empty() ||
         !dirty_waiting_.empty() || !dirty_blocked_.empty() ||
         letters_.has_changes() ||
         head_.position() > written_position_ + kUnwrittenMax;
}

std::vector<StateChange> Dispatcher::TakeChanges() {
  std::vector<StateChange> changes = std::exchange(changes_, {});
  const std::string& name = settings_.proto.name();
  const auto write = [&changes](std::string key,
                                std::optional<std::string> value) {
    changes.push_back(value.has_value()
                          ? PutState(kTable, std::move(key), *std::move(value))
                          : RemoveState(kTable, std::move(key)));
  };
  for (const uint64_t number : dirty_leases_) {
    Lease* lease = leases_.Find(number);
    write(StateKey(StateKind::kLease, name, number),
          lease == nullptr ? std::nullopt : std::optional(EncodeLease(*lease)));
  }
  for (const Sequence sequence : dirty_waiting_) {
    const auto found = waiting_.find(sequence);
    std::optional<std::string> value;
    if (found != waiting_.end()) {
      internal::StoredWaiting stored;
      stored.set_attempts(found->second.event.attempts);
      stored.set_due_micros(found->second.due_micros);
      stored.set_returned_by(found->second.event.returned_by);
      stored.set_copied(found->second.event.copied);
      value = stored.SerializeAsString();
    }
    write(StateKey(StateKind::kWaiting, name, sequence.value),
          std::move(value));
  }
  for (const Sequence from : dirty_blocked_) {
    const auto found = lanes_.blocked().find(from);
    write(StateKey(StateKind::kBlocked, name, from.value),
          found == lanes_.blocked().end()
              ? std::nullopt
              : std::optional(EncodeSequence(Sequence{found->second->blocked}) +
                              *found->second->envelope_id));
  }
  letters_.TakeChanges(changes);
  write(StateKey(StateKind::kHead, name), head_.SerializeAsString());
  dirty_leases_.clear();
  dirty_waiting_.clear();
  dirty_blocked_.clear();
  head_changed_ = false;
  written_position_ = head_.position();
  return changes;
}

}  // namespace enveloperelay
