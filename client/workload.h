#ifndef ENVELOPE_RELAY_CLIENT_WORKLOAD_H_
#define ENVELOPE_RELAY_CLIENT_WORKLOAD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/leases.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {

// All that a worker has in hand: events in lanes, one lane per envelope, and
// the leases on them. Decides which event is handled next. In a lane at most
// one event is handled at a time, in the order of delivery.
//
// An event can be delivered again while it is here, after the stream broke.
// Then the second delivery waits in the lane behind the first, and gets the
// result of the first without being handled.
//
// Knows no thread and no socket. Not thread-safe.
class Workload {
 public:
  // An event to be handled.
  struct Task {
    v1::EnvelopeEvent event;
    // Which delivery of the event this is, from 1.
    uint32_t attempt;
    // As Leases named it.
    uint64_t delivery;
  };

  explicit Workload(std::string subscription)
      : leases_(std::move(subscription)) {}

  // Takes the events out of `response`, which came at `now`.
  void Take(v1::SubscribeResponse& response, SteadyTime now);

  // Returns the next event to be handled, if there is one whose lane is free
  // and whose lease is good. Finish() must follow.
  std::optional<Task> Start(SteadyTime now);
  void Finish(const Task& task, const Handled& handled);

  // Lets go of all events that were not started: as given back, which needs a
  // relay that listens, or in silence, since they will be delivered again.
  void ReleaseWaiting();
  void DropWaiting();

  // Events that are being handled.
  size_t running_count() const { return running_count_; }
  // Nothing is waiting, being handled, or to be told to the relay.
  bool empty() const { return leases_.empty(); }
  const WorkerCounts& counts() const { return counts_; }

  // As in Leases; what came late is counted, too.
  std::chrono::nanoseconds lease_length() const { return leases_.length(); }
  SteadyTime NextDue() const { return leases_.NextDue(); }
  Leases::Batch TakeBatch(SteadyTime now) { return leases_.TakeBatch(now); }
  std::vector<LateSettlement> Answer(const Leases::Batch& batch,
                                     const v1::AcknowledgeResponse& response);
  std::vector<LateSettlement> GiveBack(const Leases::Batch& batch,
                                       SteadyTime now);
  void Forget(const Leases::Batch& batch) { leases_.Forget(batch); }

 private:
  struct Lane {
    std::deque<Task> waiting;
    bool running = false;
  };
  using Lanes = std::map<std::string, Lane>;

  static LeasedEvent Leased(const Task& task) {
    return {.delivery = task.delivery, .sequence = task.event.sequence()};
  }
  void Count(const Handled& handled);
  std::vector<LateSettlement> Count(std::vector<LateSettlement> late);
  std::vector<Task> TakeWaiting();

  Leases leases_;
  // Each has an event that waits or runs.
  Lanes lanes_;
  // Lanes with an event that waits and none that runs, longest free first.
  std::deque<Lanes::iterator> free_;
  size_t running_count_ = 0;
  WorkerCounts counts_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_WORKLOAD_H_
