#include "client/workload.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "client/leases.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {

void Workload::Take(v1::SubscribeResponse& response, SteadyTime now) {
  if (response.events_size() == 0) return;
  const uint64_t delivery = leases_.Add(response, now);
  for (int i = 0; i < response.events_size(); ++i) {
    v1::EnvelopeEvent& event = *response.mutable_events(i);
    if (leases_.IsDone(event.sequence())) {
      leases_.Settle({.delivery = delivery, .sequence = event.sequence()},
                     Handled::Done());
      continue;
    }
    const auto it = lanes_.try_emplace(event.envelope_id()).first;
    Lane& lane = it->second;
    if (lane.waiting.empty() && !lane.running) free_.push_back(it);
    const bool first = i >= response.delivery().attempts_size();
    lane.waiting.push_back(
        {.event = std::move(event),
         .attempt = first ? 1 : response.delivery().attempts(i),
         .delivery = delivery});
  }
}

std::optional<Workload::Task> Workload::Start(SteadyTime now) {
  while (!free_.empty()) {
    const auto it = free_.front();
    free_.pop_front();
    Lane& lane = it->second;
    while (!lane.waiting.empty()) {
      Task task = std::move(lane.waiting.front());
      lane.waiting.pop_front();
      if (leases_.Holds(task.delivery, now)) {
        lane.running = true;
        running_count_ += 1;
        return task;
      }
      leases_.Drop(Leased(task));
    }
    lanes_.erase(it);
  }
  return std::nullopt;
}

void Workload::Finish(const Task& task, const Handled& handled) {
  Count(handled);
  leases_.Settle(Leased(task), handled);
  const auto it = lanes_.find(task.event.envelope_id());
  Lane& lane = it->second;
  std::erase_if(lane.waiting, [&](const Task& other) {
    if (other.event.sequence() != task.event.sequence()) return false;
    leases_.Settle(Leased(other), handled);
    return true;
  });
  lane.running = false;
  running_count_ -= 1;
  if (lane.waiting.empty()) {
    lanes_.erase(it);
  } else {
    free_.push_back(it);
  }
}

void Workload::ReleaseWaiting() {
  for (const Task& task : TakeWaiting()) {
    counts_.released += 1;
    leases_.Release(Leased(task));
  }
}

void Workload::DropWaiting() {
  for (const Task& task : TakeWaiting()) leases_.Drop(Leased(task));
}

std::vector<Workload::Task> Workload::TakeWaiting() {
  std::vector<Task> tasks;
  free_.clear();
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    Lane& lane = it->second;
    std::ranges::move(lane.waiting, std::back_inserter(tasks));
    lane.waiting.clear();
    it = lane.running ? std::next(it) : lanes_.erase(it);
  }
  return tasks;
}

std::vector<LateSettlement> Workload::Answer(
    const Leases::Batch& batch, const v1::AcknowledgeResponse& response) {
  return Count(leases_.Answer(batch, response));
}

std::vector<LateSettlement> Workload::GiveBack(const Leases::Batch& batch,
                                               SteadyTime now) {
  return Count(leases_.GiveBack(batch, now));
}

void Workload::Count(const Handled& handled) {
  switch (handled.action()) {
    case v1::ACK_ACTION_DONE:
      counts_.done += 1;
      break;
    case v1::ACK_ACTION_RETRY:
      counts_.retried += 1;
      break;
    default:
      counts_.dead_lettered += 1;
  }
}

std::vector<LateSettlement> Workload::Count(std::vector<LateSettlement> late) {
  for (const LateSettlement& one : late) {
    const auto events = static_cast<uint64_t>(one.settlement.sequences_size());
    (one.status == v1::SETTLEMENT_STATUS_LATE ? counts_.late
                                              : counts_.lease_lost) += events;
  }
  return late;
}

}  // namespace enveloperelay::client
