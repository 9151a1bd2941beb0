#include "client/leases.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/proto_time.h"
#include "client/utf8.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {
namespace {

// The contract's lower bound of ack_deadline.
constexpr absl::Duration kLengthMin = absl::Seconds(1);
constexpr absl::Duration kRetryDelayMax = absl::Hours(24 * 7);
// What a settlement takes in a request beside its own bytes: tag and length.
constexpr size_t kFramingBytes = 5;

v1::Settlement FailedSettlement(uint64_t sequence, const Handled& handled) {
  v1::Settlement settlement;
  settlement.add_sequences(sequence);
  settlement.set_action(handled.action());
  settlement.set_reason(ValidUtf8(handled.reason(), Leases::kReasonBytesMax));
  if (handled.delay().has_value()) {
    *settlement.mutable_delay() = ToProto(
        std::clamp(*handled.delay(), absl::ZeroDuration(), kRetryDelayMax));
  }
  return settlement;
}

// Results are what a handler returned.
bool IsResult(v1::AckAction action) {
  return action != v1::ACK_ACTION_EXTEND && action != v1::ACK_ACTION_RELEASE;
}

LateSettlement Late(v1::Settlement settlement,
                    const std::vector<uint64_t>& sequences,
                    v1::SettlementStatus status) {
  settlement.mutable_sequences()->Assign(sequences.begin(), sequences.end());
  return {.settlement = std::move(settlement), .status = status};
}

}  // namespace

Leases::Leases(std::string subscription)
    : subscription_(std::move(subscription)) {}

uint64_t Leases::Add(const v1::SubscribeResponse& response, SteadyTime now) {
  // None, if the response was held up for so long.
  const absl::Duration left = FromProto(response.delivery().ack_deadline()) -
                              FromProto(response.server_time());
  length_ = absl::ToChronoNanoseconds(std::clamp(left, kLengthMin, kLengthMax));
  longest_ = std::max(longest_, length_);
  const uint64_t number = next_delivery_++;
  Delivery delivery{
      .id = response.delivery().delivery_id(),
      .length = longest_,
      .deadline = now + absl::ToChronoNanoseconds(
                            std::clamp(left, absl::ZeroDuration(), kLengthMax)),
      .events_count = static_cast<size_t>(response.events_size())};
  for (const v1::EnvelopeEvent& event : response.events()) {
    delivery.open.insert(event.sequence());
  }
  const auto it = deliveries_.emplace(number, std::move(delivery)).first;
  ExtendAt(it, now + length_ / 2);
  Tidy(it);
  return number;
}

bool Leases::Holds(uint64_t delivery, SteadyTime now) const {
  const auto it = deliveries_.find(delivery);
  return it != deliveries_.end() && !it->second.lost &&
         now < it->second.deadline;
}

void Leases::Settle(const LeasedEvent& event, const Handled& handled) {
  const auto it = Close(event);
  if (it == deliveries_.end()) return;
  if (handled.action() == v1::ACK_ACTION_DONE) {
    done_.insert(event.sequence);
    it->second.done.push_back(event.sequence);
  } else {
    it->second.failed.push_back(FailedSettlement(event.sequence, handled));
  }
  unsettled_.insert(event.delivery);
}

void Leases::Release(const LeasedEvent& event) {
  const auto it = Close(event);
  if (it == deliveries_.end()) return;
  it->second.released.push_back(event.sequence);
  unsettled_.insert(event.delivery);
}

void Leases::Drop(const LeasedEvent& event) {
  const auto it = Close(event);
  if (it != deliveries_.end()) Tidy(it);
}

Leases::Deliveries::iterator Leases::Close(const LeasedEvent& event) {
  const auto it = deliveries_.find(event.delivery);
  if (it == deliveries_.end() || it->second.open.erase(event.sequence) == 0) {
    return deliveries_.end();
  }
  if (it->second.open.empty()) ExtendAt(it, SteadyTime::max());
  return it;
}

// Forgets a delivery that nothing is left of.
void Leases::Tidy(Deliveries::iterator it) {
  const Delivery& delivery = it->second;
  if (!delivery.open.empty() || !delivery.done.empty() ||
      !delivery.released.empty() || !delivery.failed.empty()) {
    return;
  }
  unsettled_.erase(it->first);
  if (delivery.out_count > 0) return;
  ExtendAt(it, SteadyTime::max());
  deliveries_.erase(it);
}

void Leases::ExtendAt(Deliveries::iterator it, SteadyTime time) {
  Delivery& delivery = it->second;
  extensions_.erase({delivery.extend_time, it->first});
  delivery.extend_time = time;
  if (time != SteadyTime::max()) extensions_.insert({time, it->first});
}

SteadyTime Leases::NextDue() const {
  if (!unsettled_.empty()) return SteadyTime::min();
  return extensions_.empty() ? SteadyTime::max() : extensions_.begin()->first;
}

Leases::Batch Leases::TakeBatch(SteadyTime now) {
  Batch batch{.request = {}, .send_time = now, .entries = {}, .bytes = 0};
  batch.request.set_subscription(subscription_);
  batch.bytes = batch.request.ByteSizeLong();
  // Leases first: they cannot wait.
  while (!extensions_.empty() && extensions_.begin()->first <= now) {
    const auto it = deliveries_.find(extensions_.begin()->second);
    const Delivery& delivery = it->second;
    v1::Settlement settlement;
    settlement.set_action(v1::ACK_ACTION_EXTEND);
    // What is unset means the subscription's deadline, which may have changed.
    *settlement.mutable_delay() = ToProto(absl::FromChrono(delivery.length));
    std::vector<uint64_t> open(delivery.open.begin(), delivery.open.end());
    if (!Append(it, std::move(settlement), std::move(open), batch)) {
      return batch;
    }
    ExtendAt(it, SteadyTime::max());
  }
  while (!unsettled_.empty()) {
    const auto it = deliveries_.find(*unsettled_.begin());
    if (!AddResults(it, batch)) return batch;
    unsettled_.erase(unsettled_.begin());
  }
  return batch;
}

// Moves what is to be told of a delivery into `batch`. False: it is full.
bool Leases::AddResults(Deliveries::iterator it, Batch& batch) {
  Delivery& delivery = it->second;
  if (!AddAll(it, v1::ACK_ACTION_DONE, delivery.done, batch)) return false;
  if (!AddAll(it, v1::ACK_ACTION_RELEASE, delivery.released, batch)) {
    return false;
  }
  while (!delivery.failed.empty()) {
    const v1::Settlement& settlement = delivery.failed.back();
    if (!Append(it, settlement, {settlement.sequences(0)}, batch)) return false;
    delivery.failed.pop_back();
  }
  return true;
}

bool Leases::AddAll(Deliveries::iterator it, v1::AckAction action,
                    std::vector<uint64_t>& sequences, Batch& batch) {
  if (sequences.empty()) return true;
  v1::Settlement settlement;
  settlement.set_action(action);
  if (!Append(it, std::move(settlement), sequences, batch)) return false;
  sequences.clear();
  return true;
}

// False: there is no room for it.
bool Leases::Append(Deliveries::iterator it, v1::Settlement settlement,
                    std::vector<uint64_t> sequences, Batch& batch) {
  Delivery& delivery = it->second;
  settlement.set_delivery_id(delivery.id);
  // Without sequences it is about the whole delivery.
  if (sequences.size() < delivery.events_count) {
    settlement.mutable_sequences()->Assign(sequences.begin(), sequences.end());
  }
  const size_t bytes = settlement.ByteSizeLong() + kFramingBytes;
  if (batch.request.settlements_size() == kBatchSettlementsMax ||
      batch.bytes + bytes > kBatchBytesMax) {
    return false;
  }
  batch.bytes += bytes;
  *batch.request.add_settlements() = std::move(settlement);
  batch.entries.push_back(
      {.delivery = it->first, .sequences = std::move(sequences)});
  delivery.out_count += 1;
  return true;
}

std::vector<LateSettlement> Leases::Answer(
    const Batch& batch, const v1::AcknowledgeResponse& response) {
  std::vector<LateSettlement> late;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const int index = static_cast<int>(i);
    const v1::Settlement& settlement = batch.request.settlements(index);
    const v1::SettlementStatus status = index < response.statuses_size()
                                            ? response.statuses(index)
                                            : v1::SETTLEMENT_STATUS_UNSPECIFIED;
    const auto it = deliveries_.find(batch.entries[i].delivery);
    Delivery& delivery = it->second;
    delivery.out_count -= 1;
    if (settlement.action() == v1::ACK_ACTION_EXTEND) {
      delivery.lost = status != v1::SETTLEMENT_STATUS_OK;
      if (!delivery.lost && !delivery.open.empty()) {
        delivery.deadline = batch.send_time + delivery.length;
        ExtendAt(it, batch.send_time + delivery.length / 2);
      }
    } else if (IsResult(settlement.action())) {
      if (settlement.action() == v1::ACK_ACTION_DONE) {
        for (const uint64_t sequence : batch.entries[i].sequences) {
          done_.erase(sequence);
        }
      }
      if (status == v1::SETTLEMENT_STATUS_LATE ||
          status == v1::SETTLEMENT_STATUS_LEASE_LOST) {
        late.push_back(Late(settlement, batch.entries[i].sequences, status));
      }
    }
    Tidy(it);
  }
  return late;
}

std::vector<LateSettlement> Leases::GiveBack(const Batch& batch,
                                             SteadyTime now) {
  std::vector<LateSettlement> late;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const v1::Settlement& settlement =
        batch.request.settlements(static_cast<int>(i));
    const std::vector<uint64_t>& sequences = batch.entries[i].sequences;
    const auto it = deliveries_.find(batch.entries[i].delivery);
    Delivery& delivery = it->second;
    delivery.out_count -= 1;
    const bool done = settlement.action() == v1::ACK_ACTION_DONE;
    const SteadyTime useful_until =
        delivery.deadline +
        absl::ToChronoNanoseconds(done ? kDoneLateMax : absl::ZeroDuration());
    if (settlement.action() == v1::ACK_ACTION_EXTEND) {
      if (!delivery.open.empty()) ExtendAt(it, now);
    } else if (now < useful_until) {
      TellAgain(it, settlement, sequences);
    } else if (IsResult(settlement.action())) {
      if (done) {
        for (const uint64_t sequence : sequences) done_.erase(sequence);
      }
      late.push_back(
          Late(settlement, sequences, v1::SETTLEMENT_STATUS_LEASE_LOST));
    }
    Tidy(it);
  }
  return late;
}

void Leases::TellAgain(Deliveries::iterator it,
                       const v1::Settlement& settlement,
                       const std::vector<uint64_t>& sequences) {
  Delivery& delivery = it->second;
  switch (settlement.action()) {
    case v1::ACK_ACTION_DONE:
      delivery.done.insert(delivery.done.end(), sequences.begin(),
                           sequences.end());
      break;
    case v1::ACK_ACTION_RELEASE:
      delivery.released.insert(delivery.released.end(), sequences.begin(),
                               sequences.end());
      break;
    default:
      delivery.failed.push_back(settlement);
  }
  unsettled_.insert(it->first);
}

void Leases::Forget(const Batch& batch) {
  for (const Batch::Entry& entry : batch.entries) {
    const auto it = deliveries_.find(entry.delivery);
    it->second.out_count -= 1;
    for (const uint64_t sequence : entry.sequences) done_.erase(sequence);
    Tidy(it);
  }
}

}  // namespace enveloperelay::client
