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
      Apply(*lease, *held, settlement);
      return v1::SETTLEMENT_STATUS_OK;
    }
  }
  const auto waiting = waiting_.find(sequence);
  Lease* const holder = leases_.FindHolder(sequence);
  if (waiting == waiting_.end() && holder == nullptr) {
    // Settled already.
    return done || action == v1::ACK_ACTION_DEAD_LETTER
               ? v1::SETTLEMENT_STATUS_OK
               : v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  const uint64_t returned_by =
      holder != nullptr ? Leases::FindHeld(*holder, sequence)->event.returned_by
                        : waiting->second.event.returned_by;
  const bool named = !settlement.sequences().empty();
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

void Dispatcher::Apply(Lease& lease, LeasedEvent& leased,
                       const v1::Settlement& settlement) {
  if (settlement.action() == v1::ACK_ACTION_DONE) {  // as a rule
    const Dispatched event = Take(lease, leased);
    DropCopy(event);
    Finish(event);
    return;
  }
  const int64_t now = NowMicros();
  if (settlement.action() == v1::ACK_ACTION_EXTEND) {
    const absl::Duration delay =
        settlement.has_delay() ? std::clamp(FromProto(settlement.delay()),
                                            kAckDeadlineMin, kAckDeadlineMax)
                               : settings_.ack_deadline;
    MarkLease(lease.number);
    leases_.SetDeadline(lease, leased, now + absl::ToInt64Microseconds(delay));
    return;
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
        return;
      }
      [[fallthrough]];
    case v1::ACK_ACTION_DEAD_LETTER: {
      const bool spent = settlement.reason().empty() &&
                         settlement.action() == v1::ACK_ACTION_RETRY;
      if (PutAside(event, spent ? "max_attempts" : settlement.reason(),
                   worker_id)) {
        Finish(event);
      } else {
        Wait(event, put_off);
      }
      return;
    }
    default:  // RELEASE
      --event.attempts;
      Wait(event, now);
      return;
  }
}

void Dispatcher::TakeBack(uint64_t number) {
  for (;;) {
    Lease* lease = leases_.Find(number);
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
  for (const Letter& letter : *letters) {
    if (leased.contains(letter.sequence) ||
        waiting_.contains(letter.sequence)) {
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
    JoinLane(ReadCopy(stored), event);
    letters_.Put(letter.sequence, std::move(stored));
    Wait(event, NowMicros());
    ++replayed;
  }
  head_.set_dead_letters(head_.dead_letters() - replayed);
  head_changed_ = head_changed_ || replayed > 0;
  return replayed;
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
