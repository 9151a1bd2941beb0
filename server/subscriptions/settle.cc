// What a worker says of the events that it has.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"

namespace enveloperelay {
namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

v1::SettlementStatus Dispatcher::Settle(const v1::Settlement& settlement,
                                        const std::optional<LeaseId>& id) {
  ExpireLeases(NowMicros());
  if (!id.has_value() || id->epoch != head_.epoch() ||
      id->number > head_.last_lease()) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  const bool named = !settlement.sequences().empty();
  std::vector<Sequence> names;
  for (const uint64_t sequence : settlement.sequences()) {
    names.push_back(Sequence{sequence});
  }
  const std::span<const Sequence> sequences =
      named ? std::span<const Sequence>(names) : id->events;
  // Of several events the worst counts: OK, LATE, LEASE_LOST.
  v1::SettlementStatus status = v1::SETTLEMENT_STATUS_OK;
  std::vector<Sequence> settled;
  for (const Sequence sequence : sequences) {
    const auto one = SettleOne(*id, sequence, settlement);
    if (one.has_value()) {
      status = std::max(status, *one);
    } else {
      settled.push_back(sequence);
    }
  }
  // "All that are not settled yet" leaves out those that are.
  if (!named && settled.size() < id->events.size()) return status;
  for (const Sequence sequence : settled) {
    status =
        std::max(status, SettledBefore(*id, sequence, settlement.action()));
  }
  return status;
}

std::optional<v1::SettlementStatus> Dispatcher::SettleOne(
    const LeaseId& id, Sequence sequence, const v1::Settlement& settlement) {
  const v1::AckAction action = settlement.action();
  const bool done = action == v1::ACK_ACTION_DONE;
  if (!std::ranges::binary_search(id.events, sequence)) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  if (Lease* lease = leases_.Find(id.number); lease != nullptr) {
    if (LeasedEvent* held = Leases::FindHeld(*lease, sequence)) {
      return Apply(*lease, *held, settlement);
    }
  }
  const bool named = !settlement.sequences().empty();
  const auto waiting = waiting_.find(sequence);
  Lease* const holder = leases_.FindHolder(sequence);
  if (waiting == waiting_.end() && holder == nullptr) {
    if (done && RemoveLateLetter(id.number, sequence, named)) {
      return v1::SETTLEMENT_STATUS_LATE;
    }
    return std::nullopt;
  }
  const uint64_t returned_by =
      holder != nullptr ? Leases::FindHeld(*holder, sequence)->event.returned_by
                        : waiting->second.event.returned_by;
  // Said before, or not meant by "all that are not settled yet".
  if (returned_by == id.number && (!named || action == v1::ACK_ACTION_RETRY ||
                                   action == v1::ACK_ACTION_RELEASE)) {
    return v1::SETTLEMENT_STATUS_OK;
  }
  // Nor is it known to be meant if a later lease has given it back since: this
  // one may have, too.
  if (!done || (!named && id.number < returned_by)) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  if (holder != nullptr) {
    Apply(*holder, *Leases::FindHeld(*holder, sequence), settlement);
  } else {
    const Dispatched event = EraseWaiting(waiting).event;
    DropCopy(event);
    Finish(event);
  }
  return v1::SETTLEMENT_STATUS_LATE;
}

v1::SettlementStatus Dispatcher::SettledBefore(const LeaseId& id,
                                               Sequence sequence,
                                               v1::AckAction action) const {
  if (action == v1::ACK_ACTION_DONE || action == v1::ACK_ACTION_DEAD_LETTER) {
    return v1::SETTLEMENT_STATUS_OK;
  }
  if (action == v1::ACK_ACTION_RETRY) {
    // It was the last attempt, and this has been said before.
    const auto letter = RecentLetter(sequence);
    if (letter.has_value() && letter->returned_by() == id.number) {
      return v1::SETTLEMENT_STATUS_OK;
    }
  }
  return v1::SETTLEMENT_STATUS_LEASE_LOST;
}

std::optional<internal::StoredDeadLetter> Dispatcher::RecentLetter(
    Sequence sequence) const {
  if (head_.dead_letters() == 0) return std::nullopt;
  absl::StatusOr<internal::StoredDeadLetter> stored = letters_.Get(sequence);
  // Since one from before a seek its event has been delivered once more.
  if (!stored.ok() || letters_.IsPutBack(sequence) ||
      stored->epoch() != head_.epoch()) {
    return std::nullopt;
  }
  return *std::move(stored);
}

bool Dispatcher::RemoveLateLetter(uint64_t lease, Sequence sequence,
                                  bool named) {
  const auto letter = RecentLetter(sequence);
  // If it was a worker's word that put it aside, "all that are not settled yet"
  // does not take that back.
  if (!letter.has_value() || (!named && lease <= letter->returned_by())) {
    return false;
  }
  letters_.Remove(sequence);
  head_.set_dead_letters(head_.dead_letters() - 1);
  head_changed_ = true;
  return true;
}

v1::SettlementStatus Dispatcher::Apply(Lease& lease, LeasedEvent& leased,
                                       const v1::Settlement& settlement) {
  if (settlement.action() == v1::ACK_ACTION_DONE) {  // as a rule
    const Dispatched event = Take(lease, leased);
    DropCopy(event);
    Finish(event);
    return v1::SETTLEMENT_STATUS_OK;
  }
  const int64_t now = NowMicros();
  if (settlement.action() == v1::ACK_ACTION_EXTEND) {
    const absl::Duration delay =
        settlement.has_delay() ? std::clamp(FromProto(settlement.delay()),
                                            kAckDeadlineMin, kAckDeadlineMax)
                               : settings_.ack_deadline;
    MarkLease(lease.number);
    leases_.SetDeadline(lease, leased, now + absl::ToInt64Microseconds(delay));
    return v1::SETTLEMENT_STATUS_OK;
  }
  const uint64_t number = lease.number;
  const std::string worker_id = lease.worker_id;
  Dispatched event = Take(lease, leased);
  event.returned_by = number;
  const int64_t put_off =
      now + absl::ToInt64Microseconds(settings_.max_backoff);
  switch (settlement.action()) {
    case v1::ACK_ACTION_RETRY:
      if (!LastAttempt(event.attempts)) {
        const absl::Duration delay =
            settlement.has_delay()
                ? FromProto(settlement.delay())
                : Backoff(settings_, event.attempts, env_.random());
        Wait(event, now + absl::ToInt64Microseconds(delay));
        return v1::SETTLEMENT_STATUS_OK;
      }
      [[fallthrough]];
    case v1::ACK_ACTION_DEAD_LETTER: {
      const bool spent = settlement.reason().empty() &&
                         settlement.action() == v1::ACK_ACTION_RETRY;
      if (PutAside(event, spent ? "max_attempts" : settlement.reason(),
                   worker_id)) {
        Finish(event);
        return v1::SETTLEMENT_STATUS_OK;
      }
      // There is no room for more: it is delivered again instead.
      Wait(event, put_off);
      return settlement.action() == v1::ACK_ACTION_RETRY
                 ? v1::SETTLEMENT_STATUS_OK
                 : v1::SETTLEMENT_STATUS_LEASE_LOST;
    }
    default:  // RELEASE
      --event.attempts;
      Wait(event, now);
      return v1::SETTLEMENT_STATUS_OK;
  }
}

bool Dispatcher::MarkSent(const Handout& handout) {
  Lease* const lease =
      handout.epoch == head_.epoch() ? leases_.Find(handout.lease) : nullptr;
  if (lease != nullptr) lease->sent = true;
  return lease != nullptr;
}

void Dispatcher::TakeBack(const Handout& handout) {
  if (handout.epoch != head_.epoch()) return;
  if (handout.gap.has_value()) {
    head_.set_gap_lost_events(head_.gap_lost_events() +
                              handout.gap->lost_events());
    head_.set_gap_next_sequence(std::max<uint64_t>(
        head_.gap_next_sequence(), handout.gap->next_sequence()));
    head_changed_ = true;
  }
  for (;;) {
    Lease* lease = leases_.Find(handout.lease);
    if (lease == nullptr) return;
    Dispatched event = Take(*lease, lease->events[lease->first]);
    --event.attempts;
    Wait(event, NowMicros());
  }
}

void Dispatcher::DropCopy(const Dispatched& event) {
  if (event.copied) letters_.Remove(event.sequence);
}

absl::StatusOr<uint64_t> Dispatcher::Replay(const LetterSpec& spec) {
  const absl::StatusOr<std::vector<Sequence>> letters = FindLetters(spec);
  if (!letters.ok()) return letters.status();
  if (spec.dry_run) return letters->size();
  absl::btree_set<Sequence> leased;
  leases_.ForEach([&leased](const Lease& lease) {
    for (const LeasedEvent& event : lease.events) {
      if (!event.gone) leased.insert(event.event.sequence);
    }
  });
  uint64_t replayed = 0;
  absl::Status failure;
  for (const Sequence sequence : *letters) {
    const absl::StatusOr<bool> done =
        ReplayOne(sequence, leased.contains(sequence));
    failure = done.status();
    if (!failure.ok() || !*done) break;
    ++replayed;
  }
  head_.set_dead_letters(head_.dead_letters() - replayed);
  head_changed_ = head_changed_ || replayed > 0;
  if (replayed == 0 && !failure.ok()) return failure;
  return replayed;
}

absl::StatusOr<bool> Dispatcher::ReplayOne(Sequence sequence, bool leased) {
  if (leased || waiting_.contains(sequence)) {
    letters_.Remove(sequence);
    return true;
  }
  const absl::StatusOr<internal::StoredDeadLetter> stored =
      letters_.Get(sequence);
  if (!stored.ok()) return stored.status();
  const Origin origin = ReadCopy(*stored);
  const absl::StatusOr<bool> is_to_come =
      IsToCome(sequence, origin.envelope_id);
  if (!is_to_come.ok()) return is_to_come.status();
  if (*is_to_come) {
    letters_.Remove(sequence);
    return true;
  }
  if (unsettled() >= env_.limits.unsettled_max) return false;
  Dispatched event{
      .sequence = sequence, .attempts = 0, .copied = true, .again = true};
  JoinLane(origin, event);
  letters_.PutBack(sequence);
  Wait(event, NowMicros());
  return true;
}

absl::StatusOr<bool> Dispatcher::IsToCome(Sequence sequence,
                                          const std::string& envelope_id) {
  Lane& lane = lanes_.Get(envelope_id);
  const bool is_blocked = lane.blocked > 0 && lane.blocked_from <= sequence;
  lanes_.DropIfEmpty(lane);
  if (!is_blocked && sequence <= position()) return false;
  const absl::StatusOr<ChunkSpan> span = env_.log.Get(sequence);
  if (absl::IsNotFound(span.status())) return false;
  if (!span.ok()) return span.status();
  return Wants(*span->chunk, span->chunk->records[span->first]);
}

absl::StatusOr<uint64_t> Dispatcher::DeleteLetters(const LetterSpec& spec) {
  const absl::StatusOr<std::vector<Sequence>> letters = FindLetters(spec);
  if (!letters.ok()) return letters.status();
  if (spec.dry_run) return letters->size();
  for (const Sequence sequence : *letters) letters_.Remove(sequence);
  head_.set_dead_letters(head_.dead_letters() - letters->size());
  head_changed_ = head_changed_ || !letters->empty();
  return letters->size();
}

absl::StatusOr<std::vector<Sequence>> Dispatcher::FindLetters(
    const LetterSpec& spec) const {
  const uint64_t max = spec.max_count == 0 ? UINT64_MAX : spec.max_count;
  std::vector<Sequence> found;
  if (spec.sequences.has_value()) {
    std::vector<Sequence> sequences = *spec.sequences;
    std::ranges::sort(sequences);
    sequences.erase(std::ranges::unique(sequences).begin(), sequences.end());
    for (const Sequence sequence : sequences) {
      if (found.size() >= max) break;
      const absl::Status status = letters_.Get(sequence).status();
      if (absl::IsNotFound(status)) continue;
      if (!status.ok()) return status;
      if (!letters_.IsPutBack(sequence)) found.push_back(sequence);
    }
    return found;
  }
  const absl::Status status = letters_.ForEach(
      {}, [&](Sequence sequence, const internal::StoredDeadLetter&) {
        found.push_back(sequence);
        return found.size() < max;
      });
  if (!status.ok()) return status;
  return found;
}

}  // namespace enveloperelay
