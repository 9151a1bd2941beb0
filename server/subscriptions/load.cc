// A subscription as it is found in the store, and its envelopes' order made
// anew.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/log/layout.h"
#include "server/log/read_ahead.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lanes.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"

namespace enveloperelay {
namespace {

absl::Status Damaged(const std::string& name) {
  return absl::DataLossError(
      absl::StrCat("the state of subscription ", name, " cannot be read"));
}

// Calls `read` with each entry of a kind; it says whether it could read it.
absl::Status ReadEach(
    const StateStore& store, StateKind kind, const std::string& name,
    const std::function<bool(uint64_t number, std::string_view value)>& read) {
  const KeyRange range = KeysOf(kind, name);
  bool whole = true;
  const absl::Status scanned =
      store.Scan(StateTable::kSubscriptions, range.begin, range.end,
                 [&](std::string_view key, std::string_view value) {
                   const std::optional<uint64_t> number = NumberOf(key);
                   whole = number.has_value() && read(*number, value);
                   return whole;
                 });
  if (!scanned.ok()) return scanned;
  return whole ? absl::OkStatus() : Damaged(name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dispatcher>> Dispatcher::Load(
    const Environment& environment, SubscriptionSettings settings) {
  const std::string name = settings.proto.name();
  const absl::StatusOr<std::string> value = environment.store.Get(
      StateTable::kSubscriptions, StateKey(StateKind::kHead, name));
  if (absl::IsNotFound(value.status())) return Damaged(name);
  if (!value.ok()) return value.status();
  internal::SubscriptionHead head;
  if (!head.ParseFromString(*value)) return Damaged(name);
  std::unique_ptr<Dispatcher> dispatcher(
      new Dispatcher(environment, std::move(settings), std::move(head)));
  absl::Status status = dispatcher->LoadLeases();
  if (status.ok()) status = dispatcher->LoadWaiting();
  if (status.ok()) status = dispatcher->LoadBlocked();
  if (!status.ok()) return status;
  return dispatcher;
}

absl::Status Dispatcher::LoadLeases() {
  earliest_ = env_.log.Bounds().earliest;
  std::vector<Lease> leases;
  absl::Status status =
      ReadEach(env_.store, StateKind::kLease, settings_.proto.name(),
               [&leases](uint64_t number, std::string_view value) {
                 std::optional<Lease> lease = DecodeLease(number, value);
                 if (!lease.has_value()) return false;
                 leases.push_back(*std::move(lease));
                 return true;
               });
  if (!status.ok()) return status;
  ReadAhead ahead;
  for (Lease& lease : leases) {
    std::vector<LeasedEvent> events;
    for (LeasedEvent& leased : lease.events) {
      leased.event.again = true;
      const auto origin = FindOrigin(leased.event, ahead);
      if (!origin.ok()) return origin.status();
      if (!origin->has_value()) {
        MarkLease(lease.number);
        Lose(1);
        continue;
      }
      if (leased.event.copied) letters_.PutBack(leased.event.sequence);
      JoinLane(**origin, leased.event);
      if (leased.event.lane != nullptr) ++leased.event.lane->leased;
      events.push_back(leased);
    }
    lease.events = std::move(events);
    if (!lease.events.empty()) leases_.Add(std::move(lease));
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::LoadWaiting() {
  std::vector<Waiting> loaded;
  absl::Status status = ReadEach(
      env_.store, StateKind::kWaiting, settings_.proto.name(),
      [&loaded](uint64_t number, std::string_view value) {
        internal::StoredWaiting stored;
        if (!stored.ParseFromArray(value.data(),
                                   static_cast<int>(value.size()))) {
          return false;
        }
        loaded.push_back({.event = {.sequence = Sequence{number},
                                    .attempts = stored.attempts(),
                                    .returned_by = stored.returned_by(),
                                    .copied = stored.copied(),
                                    .again = true},
                          .due_micros = stored.due_micros()});
        return true;
      });
  if (!status.ok()) return status;
  ReadAhead ahead;
  for (Waiting& waiting : loaded) {
    const auto origin = FindOrigin(waiting.event, ahead);
    if (!origin.ok()) return origin.status();
    if (origin->has_value()) {
      if (waiting.event.copied) letters_.PutBack(waiting.event.sequence);
      JoinLane(**origin, waiting.event);
      // As if it were due later: Dispatch() looks at all that are.
      due_.emplace(waiting.due_micros, waiting.event.sequence);
      waiting_.emplace(waiting.event.sequence, waiting);
      if (!waiting.event.copied) {
        waiting_in_log_.insert(waiting.event.sequence);
      }
    } else {
      MarkWaiting(waiting.event.sequence);
      Lose(1);
    }
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::LoadBlocked() {
  struct Blocked {
    Sequence from;
    uint64_t count;
    std::string envelope_id;
  };
  std::vector<Blocked> loaded;
  absl::Status status =
      ReadEach(env_.store, StateKind::kBlocked, settings_.proto.name(),
               [&loaded](uint64_t number, std::string_view value) {
                 const std::optional<Sequence> count =
                     DecodeSequence(value.substr(0, kSequenceSize));
                 if (!count.has_value()) return false;
                 loaded.push_back(
                     {.from = Sequence{number},
                      .count = count->value,
                      .envelope_id = std::string(value.substr(kSequenceSize))});
                 return true;
               });
  if (!status.ok()) return status;
  ReadAhead ahead;
  for (const Blocked& blocked : loaded) {
    const auto origin = FindOrigin({.sequence = blocked.from}, ahead);
    if (!origin.ok()) return origin.status();
    Lane& lane = lanes_.Get(blocked.envelope_id);
    // One that retention has overtaken is seen to by ApplyRetention().
    lanes_.SetBlocked(lane, blocked.from,
                      origin->has_value() ? (*origin)->receive_micros : 0,
                      blocked.count);
    if (lane.unsettled.empty()) lanes_.SetFree(lane, true);
  }
  earliest_ = {};
  return absl::OkStatus();
}

absl::Status Dispatcher::SetSettings(SubscriptionSettings settings) {
  const bool order_changes = settings.by_envelope != settings_.by_envelope;
  std::map<Sequence, Origin> origins;
  if (order_changes && settings.by_envelope) {
    absl::StatusOr<std::map<Sequence, Origin>> found = FindOrigins();
    if (!found.ok()) return found.status();
    origins = *std::move(found);
  }
  settings_ = std::move(settings);
  peeked_micros_.reset();
  if (order_changes) Reorder(origins);
  return absl::OkStatus();
}

// Where all that is not settled comes from, but for what is no longer retained.
absl::StatusOr<std::map<Sequence, Dispatcher::Origin>>
Dispatcher::FindOrigins() {
  std::map<Sequence, Origin> origins;
  absl::Status status;
  ReadAhead ahead;
  const auto find = [&](const Dispatched& event) {
    const auto origin = FindOrigin(event, ahead);
    if (!origin.ok()) {
      status = origin.status();
    } else if (origin->has_value()) {
      origins.emplace(event.sequence, **origin);
    }
  };
  leases_.ForEach([&find](const Lease& lease) {
    for (const LeasedEvent& leased : lease.events) {
      if (!leased.gone) find(leased.event);
    }
  });
  for (const auto& [sequence, waiting] : waiting_) find(waiting.event);
  if (!status.ok()) return status;
  return origins;
}

// The order has changed: puts all that is not settled into lanes, or takes it
// out of them.
void Dispatcher::Reorder(const std::map<Sequence, Origin>& origins) {
  ready_.clear();
  lanes_.ForgetUnsettled();
  const auto join = [&](Dispatched& event) {
    const auto origin = origins.find(event.sequence);
    event.lane = nullptr;
    if (origin != origins.end()) JoinLane(origin->second, event);
  };
  leases_.ForEach([&join](Lease& lease) {
    for (LeasedEvent& leased : lease.events) {
      if (leased.gone) continue;
      join(leased.event);
      if (leased.event.lane != nullptr) ++leased.event.lane->leased;
    }
  });
  for (auto& [sequence, waiting] : waiting_) join(waiting.event);
  for (const auto& [sequence, waiting] : waiting_) {
    if (!due_.contains({waiting.due_micros, sequence})) {
      MakeReady(waiting.event);
    }
  }
}

}  // namespace enveloperelay
