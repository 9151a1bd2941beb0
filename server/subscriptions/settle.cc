// What a worker says of the events that it has.
#include <algorithm>
#include <cstdint>
#include <optional>
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

v1::SettlementStatus Dispatcher::Settle(const v1::Settlement& settlement) {
  ExpireLeases(NowMicros());
  const std::optional<LeaseId> id = DecodeLeaseId(settlement.delivery_id());
  if (!id.has_value() || id->epoch != head_.epoch()) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  v1::SettlementStatus status = v1::SETTLEMENT_STATUS_OK;
  // Of several events the worst counts: OK, LATE, LEASE_LOST.
  const auto settle = [&](Sequence sequence) {
    status = std::max(status, SettleOne(*id, sequence, settlement));
  };
  for (const uint64_t sequence : settlement.sequences()) {
    settle(Sequence{sequence});
  }
  if (settlement.sequences().empty()) {
    for (const Sequence sequence : id->events) settle(sequence);
  }
  return status;
}

v1::SettlementStatus Dispatcher::SettleOne(const LeaseId& id, Sequence sequence,
                                           const v1::Settlement& settlement) {
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
    // Settled already.
    return done || action == v1::ACK_ACTION_DEAD_LETTER
               ? v1::SETTLEMENT_STATUS_OK
               : v1::SETTLEMENT_STATUS_LEASE_LOST;
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

bool Dispatcher::RemoveLateLetter(uint64_t lease, Sequence sequence,
                                  bool named) {
  if (head_.dead_letters() == 0) return false;
  const absl::StatusOr<internal::StoredDeadLetter> stored =
      letters_.Get(sequence);
  // One from before a seek stays: the event has been delivered once more since.
  if (!stored.ok() || stored->replayed() || stored->epoch() != head_.epoch()) {
    return false;
  }
  // It was a worker's word that put it aside, and "all that are not settled
  // yet" does not take that back.
  if (!named && lease <= stored->returned_by()) return false;
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

void Dispatcher::TakeBack(const Handout& handout) {
  const std::optional<LeaseId> id =
      DecodeLeaseId(handout.delivery.delivery_id());
  if (!id.has_value() || id->epoch != head_.epoch()) return;
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
  const absl::StatusOr<std::vector<Letter>> letters = FindLetters(spec);
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
  for (const Letter& letter : *letters) {
    if (leased.contains(letter.sequence) ||
        waiting_.contains(letter.sequence)) {
      letters_.Remove(letter.sequence);
      ++replayed;
      continue;
    }
    const Origin origin = ReadCopy(letter.stored);
    const absl::StatusOr<bool> is_to_come =
        IsToCome(letter.sequence, origin.envelope_id);
    if (!is_to_come.ok()) {
      failure = is_to_come.status();
      break;
    }
    if (*is_to_come) {
      letters_.Remove(letter.sequence);
      ++replayed;
      continue;
    }
    if (unsettled() >= env_.limits.unsettled_max) break;
    internal::StoredDeadLetter stored = letter.stored;
    stored.set_replayed(true);
    Dispatched event{.sequence = letter.sequence,
                     .attempts = 0,
                     .copied = true,
                     .again = true};
    JoinLane(origin, event);
    letters_.Put(letter.sequence, std::move(stored));
    Wait(event, NowMicros());
    ++replayed;
  }
  head_.set_dead_letters(head_.dead_letters() - replayed);
  head_changed_ = head_changed_ || replayed > 0;
  if (replayed == 0 && !failure.ok()) return failure;
  return replayed;
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
  const absl::StatusOr<std::vector<Letter>> letters = FindLetters(spec);
  if (!letters.ok()) return letters.status();
  if (spec.dry_run) return letters->size();
  for (const Letter& letter : *letters) letters_.Remove(letter.sequence);
  head_.set_dead_letters(head_.dead_letters() - letters->size());
  head_changed_ = head_changed_ || !letters->empty();
  return letters->size();
}

absl::StatusOr<std::vector<Dispatcher::Letter>> Dispatcher::FindLetters(
    const LetterSpec& spec) const {
  const uint64_t max = spec.max_count == 0 ? UINT64_MAX : spec.max_count;
  std::vector<Letter> found;
  if (spec.sequences.has_value()) {
    std::vector<Sequence> sequences = *spec.sequences;
    std::ranges::sort(sequences);
    sequences.erase(std::ranges::unique(sequences).begin(), sequences.end());
    for (const Sequence sequence : sequences) {
      if (found.size() >= max) break;
      absl::StatusOr<internal::StoredDeadLetter> stored =
          letters_.Get(sequence);
      if (absl::IsNotFound(stored.status())) continue;
      if (!stored.ok()) return stored.status();
      if (!stored->replayed()) {
        found.push_back({sequence, *std::move(stored)});
      }
    }
    return found;
  }
  const absl::Status status = letters_.ForEach(
      {}, [&](Sequence sequence, const internal::StoredDeadLetter& stored) {
        if (!stored.replayed()) found.push_back({sequence, stored});
        return found.size() < max;
      });
  if (!status.ok()) return status;
  return found;
}

}  // namespace enveloperelay
