#include "tests/unit/subscriptions/dispatcher_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/log/sequence.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/settings.h"

namespace enveloperelay::testing {
namespace {

int64_t Micros(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000 + duration.nanos() / 1000;
}

int64_t Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

}  // namespace

DispatcherModel::DispatcherModel(const ModelLog& log, SubscriptionLimits limits,
                                 Settings settings, Asked asked)
    : log_(&log),
      limits_(limits),
      settings_(std::move(settings)),
      asked_(std::move(asked)) {}

void DispatcherModel::Expect(bool right, const std::string& what) {
  if (!right && wrong_.empty()) wrong_ = what;
}

bool DispatcherModel::Wanted(uint64_t sequence) const {
  const ModelLog::Event& event = log_->At(sequence);
  return event.receive_micros >= begin_micros_ &&
         (settings_.types.empty() || settings_.types.contains(event.type)) &&
         !unsettled_.contains(sequence);
}

bool DispatcherModel::Held(int envelope) const {
  return settings_.by_envelope &&
         std::ranges::any_of(unsettled_, [&](const auto& entry) {
           return !entry.second.apart &&
                  log_->At(entry.first).envelope == envelope;
         });
}

// Whether the order lets an event be leased that waits, or is new.
bool DispatcherModel::Deliverable(uint64_t sequence) const {
  if (!settings_.by_envelope) return true;
  const int envelope = log_->At(sequence).envelope;
  return std::ranges::none_of(unsettled_, [&](const auto& entry) {
    return !entry.second.apart && log_->At(entry.first).envelope == envelope &&
           entry.first != sequence &&
           (entry.second.leased || entry.first < sequence);
  });
}

// Whether an older event of the envelope is blocked and wanted.
bool DispatcherModel::BlockedBefore(uint64_t sequence) const {
  const auto blocked = blocked_.find(log_->At(sequence).envelope);
  return blocked != blocked_.end() &&
         std::ranges::any_of(blocked->second, [&](uint64_t other) {
           return other < sequence && Wanted(other);
         });
}

size_t DispatcherModel::Outstanding(uint64_t worker) const {
  return static_cast<size_t>(
      std::ranges::count_if(unsettled_, [worker](const auto& entry) {
        return entry.second.leased && entry.second.worker == worker;
      }));
}

void DispatcherModel::SetSettings(Settings settings) {
  if (settings.by_envelope && !settings_.by_envelope) {
    for (auto& [sequence, event] : unsettled_) {
      event.apart = !event.copied && !Retained(sequence);
    }
  }
  if (settings.types != settings_.types) lost_exact_ = false;
  settings_ = std::move(settings);
}

void DispatcherModel::Join(uint64_t key, Worker worker, int64_t now) {
  std::erase_if(workers_, [&worker](const auto& entry) {
    return entry.second.worker_id == worker.worker_id;
  });
  std::set<std::pair<uint64_t, uint64_t>> taken_over;
  for (const auto& [sequence, event] : unsettled_) {
    if (event.leased && event.worker_id == worker.worker_id) {
      taken_over.emplace(event.lease, sequence);
    }
  }
  for (const auto& [lease, sequence] : taken_over) {
    Expire(sequence, now, /*ask=*/false);
  }
  workers_.emplace(key, std::move(worker));
}

void DispatcherModel::Leave(uint64_t key) {
  workers_.erase(key);
  for (auto& [sequence, event] : unsettled_) {
    if (event.worker == key) event.worker = 0;
  }
}

void DispatcherModel::SetReady(uint64_t key) {
  const auto found = workers_.find(key);
  if (found != workers_.end()) found->second.ready = true;
}

void DispatcherModel::Lose(uint64_t count) {
  lost_ += count;
  gap_lost_ += count;
}

void DispatcherModel::Wait(uint64_t sequence, int64_t due) {
  Unsettled& event = unsettled_.at(sequence);
  if (!event.copied && sequence < earliest_) {
    Lose(1);
    Settled(sequence);
    return;
  }
  event.leased = false;
  event.again = true;
  event.due = due;
}

bool DispatcherModel::PutAside(uint64_t sequence) {
  if (!letters_.contains(sequence) &&
      letters_.size() >= limits_.dead_letters_max) {
    return false;
  }
  if (!unsettled_.at(sequence).copied && !Retained(sequence)) return false;
  letters_.insert(sequence);
  old_letters_.erase(sequence);
  put_aside_by_[sequence] = unsettled_.at(sequence).returned_by;
  Settled(sequence);
  return true;
}

void DispatcherModel::Expire(uint64_t sequence, int64_t now, bool ask) {
  Unsettled& event = unsettled_.at(sequence);
  if (!event.sent) --event.attempts;
  if (event.attempts < settings_.attempts_max) {
    Wait(sequence, now);
  } else if ((ask && !asked_.has_letter(sequence)) || !PutAside(sequence)) {
    Wait(sequence, now + settings_.max_backoff_micros);
  }
}

void DispatcherModel::ExpireLeases(int64_t now) {
  std::vector<uint64_t> expired;
  size_t spent = 0;
  for (const auto& [sequence, event] : unsettled_) {
    if (!event.leased || event.deadline > now) continue;
    expired.push_back(sequence);
    if (event.sent && event.attempts >= settings_.attempts_max) ++spent;
  }
  const bool ask = letters_.size() + spent > limits_.dead_letters_max;
  const bool any_refused =
      ask && std::ranges::any_of(expired, [this](uint64_t sequence) {
        const Unsettled& event = unsettled_.at(sequence);
        return event.sent && event.attempts >= settings_.attempts_max &&
               (event.copied || Retained(sequence)) &&
               !asked_.has_letter(sequence);
      });
  for (const uint64_t sequence : expired) Expire(sequence, now, ask);
  Expect(!any_refused || letters_.size() >= limits_.dead_letters_max,
         "an event was not dead-lettered though there was room");
}

void DispatcherModel::ApplyRetention() {
  if (earliest_ == log_->earliest) return;
  earliest_ = log_->earliest;
  for (auto it = blocked_.begin(); it != blocked_.end();) {
    std::set<uint64_t>& events = it->second;
    if (*events.begin() < earliest_) {
      while (!events.empty() &&
             (*events.begin() < earliest_ || !Wanted(*events.begin()))) {
        if (Wanted(*events.begin())) Lose(1);
        events.erase(events.begin());
      }
    }
    it = events.empty() ? blocked_.erase(it) : std::next(it);
  }
  uncertain_.erase(uncertain_.begin(), uncertain_.lower_bound(earliest_));
  std::erase_if(unsettled_, [this](const auto& entry) {
    const bool lost =
        !entry.second.leased && !entry.second.copied && entry.first < earliest_;
    if (lost) Lose(1);
    return lost;
  });
  if (position_ + 1 < earliest_) {
    Lose(earliest_ - 1 - position_);
    position_ = earliest_ - 1;
  }
}

void DispatcherModel::Dispatch(const std::vector<Handout>& handouts,
                               uint64_t position, int64_t now) {
  ExpireLeases(now);
  ApplyRetention();
  leased_now_.clear();
  for (const Handout& handout : handouts) Lease(handout, now);
  PassTo(position);
  for (const uint64_t sequence : leased_now_) {
    Expect(!settings_.by_envelope || !BlockedBefore(sequence),
           absl::StrCat(sequence, " has overtaken one of its envelope"));
  }
  const bool worker_left =
      std::ranges::any_of(workers_, [this](const auto& entry) {
        return entry.second.ready &&
               Outstanding(entry.first) < entry.second.outstanding_max;
      });
  if (worker_left && !settings_.paused) {
    CheckNothingLeft(now);
  } else {
    DropUnwanted(/*certain=*/false);
  }
}

void DispatcherModel::Lease(const Handout& handout, int64_t now) {
  const std::optional<LeaseId> id =
      DecodeLeaseId(handout.delivery.delivery_id());
  const auto worker = workers_.find(handout.worker.value);
  ++last_lease_;
  if (!id.has_value() || worker == workers_.end()) {
    Expect(false, "a lease without an id, or to nobody");
    return;
  }
  Expect(id->epoch == epoch_ && id->number == last_lease_ &&
             handout.lease == last_lease_,
         "the lease has another id");
  Expect(!settings_.paused && worker->second.ready,
         "a lease to a worker that is not ready");
  worker->second.ready = false;
  const std::vector<Sequence>& events = id->events;
  Expect(!events.empty() && events.size() <= worker->second.events_max &&
             handout.batch.events() == events.size() &&
             Outstanding(handout.worker.value) + events.size() <=
                 worker->second.outstanding_max,
         "the lease has too many events, or none");
  Expect(Micros(handout.delivery.ack_deadline()) == now + settings_.ack_micros,
         "the lease has another deadline");
  const auto& attempts = handout.delivery.attempts();
  Expect(attempts.empty() || attempts.size() == static_cast<int>(events.size()),
         "attempts of other events");
  const size_t before = unsettled_.size();
  for (size_t i = 0; i < events.size(); ++i) {
    LeaseOne(events[i].value, handout,
             attempts.empty() ? 1 : attempts[static_cast<int>(i)], now);
  }
  Expect(
      unsettled_.size() == before || unsettled_.size() <= limits_.unsettled_max,
      "more is unsettled than the limit allows");
  if (lost_exact_) {
    const uint64_t told =
        handout.gap.has_value() ? handout.gap->lost_events() : 0;
    Expect(told == gap_lost_,
           absl::StrCat("a gap of ", told, ", not ", gap_lost_));
  }
  gap_lost_ = 0;
}

void DispatcherModel::LeaseOne(uint64_t sequence, const Handout& handout,
                               uint32_t attempts, int64_t now) {
  const std::string name = absl::StrCat("event ", sequence);
  const auto known = unsettled_.find(sequence);
  const auto blocked = blocked_.find(log_->At(sequence).envelope);
  const bool is_blocked =
      blocked != blocked_.end() && blocked->second.contains(sequence);
  Unsettled event;
  if (known != unsettled_.end()) {
    event = known->second;
    Expect(!event.leased, name + " is in two leases");
    Expect(event.due <= now, name + " is delivered before its time");
  } else {
    Expect(is_blocked || sequence > position_ || uncertain_.contains(sequence),
           name + " is delivered again after it was settled or passed over");
    Expect(Wanted(sequence), name + " is not wanted");
    leased_now_.insert(sequence);
  }
  Expect(event.copied || Retained(sequence), name + " is not retained");
  Expect(Deliverable(sequence), name + " is delivered out of order");
  // One that was put back, after a seek, goes before what is blocked.
  if (known == unsettled_.end()) {
    Expect(!is_blocked || !BlockedBefore(sequence),
           name + " is not the first of its lane");
    ForgetBlocked(sequence);
  }
  Expect(attempts == event.attempts + 1,
         absl::StrCat(name, " has attempt ", attempts, ", not ",
                      event.attempts + 1));
  ++event.attempts;
  event.sent = false;
  event.leased = true;
  event.lease = handout.lease;
  event.worker = handout.worker.value;
  event.worker_id = workers_.at(handout.worker.value).worker_id;
  event.deadline = now + settings_.ack_micros;
  unsettled_[sequence] = event;
}

// The event's turn has come: what was blocked before it, or stands behind it up
// to the next one that is wanted, was left out by the filter.
void DispatcherModel::ForgetBlocked(uint64_t sequence) {
  const int envelope = log_->At(sequence).envelope;
  // One of them is delivered, so none of them was dropped.
  const bool is_certain = uncertain_.contains(sequence);
  std::erase_if(uncertain_, [&](uint64_t other) {
    if (log_->At(other).envelope != envelope) return false;
    if (is_certain && other > sequence) blocked_[envelope].insert(other);
    return is_certain || other <= sequence;
  });
  const auto blocked = blocked_.find(envelope);
  if (blocked == blocked_.end()) return;
  std::set<uint64_t>& events = blocked->second;
  events.erase(events.begin(), events.upper_bound(sequence));
  while (!events.empty() && !Wanted(*events.begin())) {
    events.erase(events.begin());
  }
  if (events.empty()) blocked_.erase(blocked);
}

// The position has moved: what was not leased is not wanted, or is blocked.
void DispatcherModel::PassTo(uint64_t position) {
  Expect(position >= position_ && position <= log_->end(),
         absl::StrCat("the position goes from ", position_, " to ", position));
  for (const uint64_t sequence : leased_now_) {
    Expect(sequence <= position, "a lease from behind the position");
  }
  for (uint64_t next = position_ + 1; next <= position; ++next) {
    if (leased_now_.contains(next)) continue;
    const int envelope = log_->At(next).envelope;
    const bool is_uncertain =
        std::ranges::any_of(uncertain_, [&](uint64_t sequence) {
          return log_->At(sequence).envelope == envelope;
        });
    if (Wanted(next)) {
      Expect(
          settings_.by_envelope &&
              (Held(envelope) || blocked_.contains(envelope) || is_uncertain),
          absl::StrCat("event ", next, " is passed over"));
      blocked_[envelope].insert(next);
    } else if (blocked_.contains(envelope)) {
      blocked_[envelope].insert(next);
    } else if (is_uncertain) {
      uncertain_.insert(next);
    }
  }
  position_ = position;
}

// A worker has got nothing, so nothing is to be had.
void DispatcherModel::CheckNothingLeft(int64_t now) {
  for (const auto& [sequence, event] : unsettled_) {
    Expect(event.leased || event.due > now || !Deliverable(sequence),
           absl::StrCat("event ", sequence, " is not delivered again"));
  }
  const bool has_room = unsettled_.size() < limits_.unsettled_max;
  if (has_room) {
    for (const auto& [envelope, events] : blocked_) {
      if (Held(envelope)) continue;
      for (const uint64_t sequence : events) {
        Expect(!Wanted(sequence),
               absl::StrCat("event ", sequence, " is blocked for ever"));
      }
    }
    Expect(position_ == log_->end(), "what is new is not delivered");
  }
  DropUnwanted(/*certain=*/has_room);
}

// Of an envelope whose turn it is, nothing that was blocked is wanted.
void DispatcherModel::DropUnwanted(bool certain) {
  std::erase_if(uncertain_, [&](uint64_t sequence) {
    return certain && !Held(log_->At(sequence).envelope);
  });
  for (auto it = blocked_.begin(); it != blocked_.end();) {
    const bool drop =
        !Held(it->first) &&
        std::ranges::none_of(
            it->second, [this](uint64_t sequence) { return Wanted(sequence); });
    if (drop && !certain) {
      uncertain_.insert(it->second.begin(), it->second.end());
      lost_exact_ = false;
    }
    it = drop ? blocked_.erase(it) : std::next(it);
  }
}

v1::SettlementStatus DispatcherModel::Settle(const v1::Settlement& settlement,
                                             int64_t now) {
  const std::optional<LeaseId> id = DecodeLeaseId(settlement.delivery_id());
  if (!id.has_value() || id->epoch != epoch_ || id->number > last_lease_) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  std::vector<uint64_t> sequences(settlement.sequences().begin(),
                                  settlement.sequences().end());
  if (sequences.empty()) {
    for (const Sequence sequence : id->events) {
      sequences.push_back(sequence.value);
    }
  }
  v1::SettlementStatus worst = v1::SETTLEMENT_STATUS_OK;
  std::vector<uint64_t> settled;
  for (const uint64_t sequence : sequences) {
    const auto one = SettleOne(*id, sequence, settlement, now);
    if (one.has_value()) {
      worst = std::max(worst, *one);
    } else {
      settled.push_back(sequence);
    }
  }
  if (settlement.sequences().empty() && settled.size() < sequences.size()) {
    return worst;
  }
  for (const uint64_t sequence : settled) {
    worst = std::max(worst, SettledBefore(*id, sequence, settlement.action()));
  }
  return worst;
}

v1::SettlementStatus DispatcherModel::SettledBefore(
    const LeaseId& id, uint64_t sequence, v1::AckAction action) const {
  const bool said_before =
      action == v1::ACK_ACTION_DONE || action == v1::ACK_ACTION_DEAD_LETTER ||
      (action == v1::ACK_ACTION_RETRY && letters_.contains(sequence) &&
       !old_letters_.contains(sequence) &&
       put_aside_by_.at(sequence) == id.number);
  return said_before ? v1::SETTLEMENT_STATUS_OK
                     : v1::SETTLEMENT_STATUS_LEASE_LOST;
}

std::optional<v1::SettlementStatus> DispatcherModel::SettleOne(
    const LeaseId& id, uint64_t sequence, const v1::Settlement& settlement,
    int64_t now) {
  if (std::ranges::find(id.events, Sequence{sequence}) == id.events.end()) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  const v1::AckAction action = settlement.action();
  const auto found = unsettled_.find(sequence);
  const bool is_meant =
      found != unsettled_.end() &&
      (found->second.again || found->second.lease == id.number);
  // What this lease had was settled, if only before the position went back.
  if (!is_meant) {
    if (found == unsettled_.end() && action == v1::ACK_ACTION_DONE &&
        letters_.contains(sequence) && !old_letters_.contains(sequence) &&
        (!settlement.sequences().empty() ||
         id.number > put_aside_by_.at(sequence))) {
      letters_.erase(sequence);
      return v1::SETTLEMENT_STATUS_LATE;
    }
    return std::nullopt;
  }
  const Unsettled& event = found->second;
  if (event.leased && event.lease == id.number) {
    return Apply(sequence, settlement, now);
  }
  const bool all = settlement.sequences().empty();
  const bool gives_back =
      action == v1::ACK_ACTION_RETRY || action == v1::ACK_ACTION_RELEASE;
  if (event.returned_by == id.number && (all || gives_back)) {
    return v1::SETTLEMENT_STATUS_OK;
  }
  if (action != v1::ACK_ACTION_DONE || (all && id.number < event.returned_by)) {
    return v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
  Settled(sequence);
  return v1::SETTLEMENT_STATUS_LATE;
}

v1::SettlementStatus DispatcherModel::Apply(uint64_t sequence,
                                            const v1::Settlement& settlement,
                                            int64_t now) {
  Unsettled& event = unsettled_.at(sequence);
  switch (settlement.action()) {
    case v1::ACK_ACTION_DONE:
      Settled(sequence);
      return v1::SETTLEMENT_STATUS_OK;
    case v1::ACK_ACTION_EXTEND:
      event.deadline =
          now +
          (settlement.has_delay()
               ? std::clamp<int64_t>(Micros(settlement.delay()),
                                     absl::ToInt64Microseconds(kAckDeadlineMin),
                                     absl::ToInt64Microseconds(kAckDeadlineMax))
               : settings_.ack_micros);
      return v1::SETTLEMENT_STATUS_OK;
    case v1::ACK_ACTION_RELEASE:
      event.returned_by = event.lease;
      --event.attempts;
      Wait(sequence, now);
      return v1::SETTLEMENT_STATUS_OK;
    case v1::ACK_ACTION_RETRY:
      event.returned_by = event.lease;
      if (event.attempts < settings_.attempts_max) {
        Wait(sequence, now + (settlement.has_delay()
                                  ? Micros(settlement.delay())
                                  : settings_.backoff_micros(event.attempts)));
        return v1::SETTLEMENT_STATUS_OK;
      }
      [[fallthrough]];
    default:
      event.returned_by = event.lease;
      if (PutAside(sequence)) return v1::SETTLEMENT_STATUS_OK;
      Wait(sequence, now + settings_.max_backoff_micros);
      return settlement.action() == v1::ACK_ACTION_RETRY
                 ? v1::SETTLEMENT_STATUS_OK
                 : v1::SETTLEMENT_STATUS_LEASE_LOST;
  }
}

void DispatcherModel::MarkSent(uint64_t epoch, uint64_t lease) {
  for (auto& [sequence, event] : unsettled_) {
    if (epoch == epoch_ && event.leased && event.lease == lease) {
      event.sent = true;
    }
  }
}

void DispatcherModel::TakeBack(const Handout& handout, int64_t now) {
  if (handout.gap.has_value()) gap_lost_ += handout.gap->lost_events();
  std::vector<uint64_t> sequences;
  for (auto& [sequence, event] : unsettled_) {
    if (event.leased && event.lease == handout.lease)
      sequences.push_back(sequence);
  }
  for (const uint64_t sequence : sequences) {
    --unsettled_.at(sequence).attempts;
    Wait(sequence, now);
  }
}

void DispatcherModel::Seek(uint64_t position, int64_t begin_micros,
                           uint64_t epoch) {
  for (const auto& [sequence, event] : unsettled_) {
    if (event.copied) letters_.insert(sequence);
  }
  old_letters_ = letters_;
  unsettled_.clear();
  blocked_.clear();
  uncertain_.clear();
  position_ = position;
  begin_micros_ = begin_micros;
  epoch_ = epoch;
  earliest_ = 0;
  gap_lost_ = 0;
}

// Whether the event, which is a dead letter, is to be delivered without it.
bool DispatcherModel::IsToCome(uint64_t sequence) {
  if (!Retained(sequence) || !Wanted(sequence)) return false;
  if (sequence > position_) return true;
  const int envelope = log_->At(sequence).envelope;
  if (uncertain_.contains(sequence) && !asked_.has_copy(sequence)) {
    // It was not dropped, nor was what stands around it.
    std::erase_if(uncertain_, [&](uint64_t other) {
      if (log_->At(other).envelope != envelope) return false;
      blocked_[envelope].insert(other);
      return true;
    });
  }
  const auto blocked = blocked_.find(envelope);
  return blocked != blocked_.end() && blocked->second.contains(sequence);
}

uint64_t DispatcherModel::Replay(const std::set<uint64_t>& letters,
                                 int64_t now) {
  uint64_t replayed = 0;
  for (const uint64_t sequence : letters) {
    if (!letters_.contains(sequence)) continue;
    const auto blocked = blocked_.find(log_->At(sequence).envelope);
    if (sequence > position_ ||
        (blocked != blocked_.end() && blocked->second.contains(sequence))) {
      lost_exact_ = false;
    }
    if (!unsettled_.contains(sequence) && !IsToCome(sequence)) {
      if (unsettled_.size() >= limits_.unsettled_max) break;
      Unsettled event;
      event.due = now;
      event.copied = true;
      event.again = true;
      unsettled_[sequence] = event;
    }
    letters_.erase(sequence);
    ++replayed;
  }
  return replayed;
}

void DispatcherModel::Delete(const std::set<uint64_t>& letters) {
  for (const uint64_t sequence : letters) letters_.erase(sequence);
}

void DispatcherModel::Load() {
  workers_.clear();
  earliest_ = 0;
  std::erase_if(unsettled_, [this](const auto& entry) {
    const bool lost = !entry.second.copied && !Retained(entry.first);
    if (lost) Lose(1);
    return lost;
  });
  for (auto& [sequence, event] : unsettled_) {
    event.worker = 0;
    event.sent = true;
    event.again = true;
    event.apart = false;
  }
}

void DispatcherModel::CheckCounters(const SubscriptionCounters& counters,
                                    bool after_dispatch) {
  const auto outstanding = static_cast<uint64_t>(std::ranges::count_if(
      unsettled_, [](const auto& entry) { return entry.second.leased; }));
  const auto check = [this](uint64_t actual, uint64_t expected,
                            const char* what) {
    Expect(actual == expected,
           absl::StrCat(what, " is ", actual, ", not ", expected));
  };
  check(counters.outstanding, outstanding, "outstanding");
  check(counters.retrying, unsettled_.size() - outstanding, "retrying");
  check(counters.dead_letters, letters_.size(), "dead_letters");
  if (lost_exact_) check(counters.lost_events, lost_, "lost_events");
  if (!uncertain_.empty()) return;
  uint64_t oldest_in_log = position_ + 1;
  for (const auto& [envelope, events] : blocked_) {
    oldest_in_log = std::min(oldest_in_log, *events.begin());
  }
  const auto not_copied = std::ranges::find_if(
      unsettled_, [](const auto& entry) { return !entry.second.copied; });
  if (not_copied != unsettled_.end()) {
    oldest_in_log = std::min(oldest_in_log, not_copied->first);
  }
  check(counters.oldest_in_log.value, oldest_in_log, "oldest_in_log");
  uint64_t oldest = oldest_in_log;
  if (!unsettled_.empty()) oldest = std::min(oldest, unsettled_.begin()->first);
  check(counters.cursor.value, oldest - 1, "cursor");
  // A copy may be older than the log.
  const uint64_t after = std::max(oldest, log_->earliest) - 1;
  check(counters.backlog, log_->end() - std::min(log_->end(), after),
        "backlog");
  if (!after_dispatch) return;
  Expect(oldest > log_->end() || oldest <= position_ || Wanted(oldest) ||
             unsettled_.contains(oldest),
         "the position stands before what is not wanted");
  const auto time_of = [this](uint64_t sequence) {
    return sequence > log_->end()
               ? absl::InfiniteFuture()
               : absl::FromUnixMicros(log_->At(sequence).receive_micros);
  };
  Expect(counters.oldest_unsettled_time == time_of(oldest),
         "another oldest_unsettled_time");
  Expect(counters.oldest_in_log_time == time_of(oldest_in_log),
         "another oldest_in_log_time");
}

void DispatcherModel::CheckWorkers(const std::vector<v1::Worker>& workers) {
  Expect(workers.size() == workers_.size(), "other workers");
  if (!wrong_.empty()) return;
  auto next = workers_.begin();
  for (const v1::Worker& worker : workers) {
    Expect(worker.worker_id() == next->second.worker_id &&
               worker.outstanding() == Outstanding(next->first),
           "a worker has more outstanding, or less");
    ++next;
  }
}

void DispatcherModel::CheckKeys(size_t subscription_keys, size_t letter_keys) {
  std::set<uint64_t> leases;
  size_t waiting = 0;
  size_t copies = 0;
  for (const auto& [sequence, event] : unsettled_) {
    if (event.leased) {
      leases.insert(event.lease);
    } else {
      ++waiting;
    }
    if (event.copied) ++copies;
  }
  Expect(letter_keys == letters_.size() + copies,
         absl::StrCat(letter_keys, " dead letters are stored, not ",
                      letters_.size() + copies));
  if (!uncertain_.empty()) return;
  const size_t expected = 1 + leases.size() + waiting + blocked_.size();
  Expect(subscription_keys == expected,
         absl::StrCat(subscription_keys, " keys are stored, not ", expected));
}

}  // namespace enveloperelay::testing
