#include "server/subscriptions/leases.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/subscriptions/lease_id.h"

namespace enveloperelay {

std::string EncodeLease(const Lease& lease) {
  internal::StoredLease stored;
  stored.set_worker_id(lease.worker_id);
  stored.set_deadline_micros(lease.deadline_micros);
  std::vector<Sequence> sequences;
  sequences.reserve(lease.held);
  for (const LeasedEvent& leased : lease.events) {
    if (leased.gone) continue;
    const Dispatched& event = leased.event;
    sequences.push_back(event.sequence);
    if (event.attempts == 1 && !event.copied && event.returned_by == 0 &&
        leased.deadline_micros == lease.deadline_micros) {
      continue;
    }
    internal::LeaseException& exception = *stored.add_exceptions();
    exception.set_sequence(event.sequence.value);
    exception.set_attempts(event.attempts);
    exception.set_deadline_micros(leased.deadline_micros);
    exception.set_copied(event.copied);
    exception.set_returned_by(event.returned_by);
  }
  const std::vector<uint64_t> runs = ToRuns(sequences);
  stored.mutable_runs()->Add(runs.begin(), runs.end());
  return stored.SerializeAsString();
}

std::optional<Lease> DecodeLease(uint64_t number, std::string_view value) {
  internal::StoredLease stored;
  if (!stored.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return std::nullopt;
  }
  const auto sequences =
      FromRuns({stored.runs().data(), static_cast<size_t>(stored.runs_size())},
               kLeaseEventsMax);
  if (!sequences.has_value() || sequences->empty()) return std::nullopt;
  Lease lease{.number = number, .worker = {}, .worker_id = stored.worker_id()};
  lease.sent = true;
  int next = 0;
  for (const Sequence sequence : *sequences) {
    LeasedEvent& leased = lease.events.emplace_back();
    leased.event.sequence = sequence;
    leased.event.attempts = 1;
    leased.deadline_micros = stored.deadline_micros();
    // Both are in order.
    if (next < stored.exceptions_size() &&
        stored.exceptions(next).sequence() == sequence.value) {
      const internal::LeaseException& exception = stored.exceptions(next++);
      leased.event.attempts = exception.attempts();
      leased.event.copied = exception.copied();
      leased.event.returned_by = exception.returned_by();
      leased.deadline_micros = exception.deadline_micros();
    }
  }
  return lease;
}

Lease& Leases::Add(Lease lease) {
  RELAY_CHECK(!lease.events.empty());
  lease.held = lease.events.size();
  lease.first = 0;
  auto owned = std::make_unique<Lease>(std::move(lease));
  Lease& added = *owned;
  RELAY_CHECK(leases_.emplace(added.number, std::move(owned)).second);
  added.deadline_micros = INT64_MAX;
  for (const LeasedEvent& leased : added.events) {
    added.deadline_micros =
        std::min(added.deadline_micros, leased.deadline_micros);
    if (leased.event.again) {
      redelivered_[leased.event.sequence.value] = added.number;
    }
  }
  by_deadline_.emplace(added.deadline_micros, added.number);
  FindFirstInLog(added, 0);
  events_ += added.held;
  return added;
}

Lease* Leases::Find(uint64_t number) const {
  const auto found = leases_.find(number);
  return found == leases_.end() ? nullptr : found->second.get();
}

Lease* Leases::FindHolder(Sequence sequence) const {
  const auto found = redelivered_.find(sequence.value);
  return found == redelivered_.end() ? nullptr : Find(found->second);
}

// Finds the oldest event from `from` on that is held and no copy.
void Leases::FindFirstInLog(Lease& lease, size_t from) {
  const auto& events = lease.events;
  while (from < events.size() &&
         (events[from].gone || events[from].event.copied)) {
    ++from;
  }
  lease.first_in_log = from;
  if (from < events.size()) {
    by_oldest_.emplace(events[from].event.sequence, &lease);
  }
}

LeasedEvent* Leases::FindHeld(Lease& lease, Sequence sequence) {
  const auto found = std::ranges::lower_bound(
      lease.events, sequence, {},
      [](const LeasedEvent& leased) { return leased.event.sequence; });
  if (found == lease.events.end() || found->event.sequence != sequence ||
      found->gone) {
    return nullptr;
  }
  return &*found;
}

Dispatched Leases::Take(Lease& lease, LeasedEvent& event) {
  const Dispatched taken = event.event;
  event.gone = true;
  --lease.held;
  --events_;
  if (taken.again) redelivered_.erase(taken.sequence.value);
  while (lease.first < lease.events.size() && lease.events[lease.first].gone) {
    ++lease.first;
  }
  if (&event == lease.events.data() + lease.first_in_log) {
    by_oldest_.erase(taken.sequence);
    FindFirstInLog(lease, lease.first_in_log);
  }
  if (lease.held == 0) {
    by_deadline_.erase({lease.deadline_micros, lease.number});
    leases_.erase(lease.number);
  }
  return taken;
}

void Leases::SetDeadline(Lease& lease, LeasedEvent& event,
                         int64_t deadline_micros) {
  event.deadline_micros = deadline_micros;
  if (deadline_micros < lease.deadline_micros) Refresh(lease);
}

Lease* Leases::Earliest() {
  return by_deadline_.empty() ? nullptr : Find(by_deadline_.begin()->second);
}

void Leases::Refresh(Lease& lease) {
  int64_t earliest = INT64_MAX;
  for (const LeasedEvent& leased : lease.events) {
    if (!leased.gone) earliest = std::min(earliest, leased.deadline_micros);
  }
  if (earliest == lease.deadline_micros) return;
  by_deadline_.erase({lease.deadline_micros, lease.number});
  lease.deadline_micros = earliest;
  by_deadline_.emplace(earliest, lease.number);
}

std::optional<int64_t> Leases::NextDeadline() const {
  if (by_deadline_.empty()) return std::nullopt;
  return by_deadline_.begin()->first;
}

const Dispatched* Leases::OldestInLog() const {
  if (by_oldest_.empty()) return nullptr;
  const Lease& lease = *by_oldest_.begin()->second;
  return &lease.events[lease.first_in_log].event;
}

void Leases::Clear() {
  by_oldest_.clear();
  by_deadline_.clear();
  redelivered_.clear();
  leases_.clear();
  events_ = 0;
}

}  // namespace enveloperelay
