#ifndef ENVELOPE_RELAY_CLIENT_LEASES_H_
#define ENVELOPE_RELAY_CLIENT_LEASES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {

using SteadyTime = std::chrono::steady_clock::time_point;

// One delivery of one event.
struct LeasedEvent {
  // As Leases::Add named it.
  uint64_t delivery;
  uint64_t sequence;
};

// A result that the relay did not take in time; `settlement` names its
// sequences also where the relay was not told them.
struct LateSettlement {
  v1::Settlement settlement;
  v1::SettlementStatus status;
};

// What a worker holds of a subscription and has to tell the relay of it: leases
// to extend, results to settle. Gives out one Acknowledge call at a time, and
// takes back what became of it.
//
// An event is open from Add() until it is settled, released or dropped. Leases
// with open events are extended at half of their time. A result is kept until a
// call with it was answered, or until nobody can want it any more.
//
// Times are those of the steady clock here; the relay's deadlines are taken
// relative to its own clock. Not thread-safe.
class Leases {
 public:
  // Settlements and bytes of one call.
  static constexpr int kBatchSettlementsMax = 1000;
  static constexpr size_t kBatchBytesMax = 1'000'000;
  // Longest reason that the relay takes, in bytes.
  static constexpr size_t kReasonBytesMax = 1024;
  // A DONE is still told so long after its lease has ended: it counts as long
  // as nobody else has got the event.
  static constexpr absl::Duration kDoneLateMax = absl::Minutes(10);
  // The contract's upper bound of ack_deadline.
  static constexpr absl::Duration kLengthMax = absl::Seconds(600);

  explicit Leases(std::string subscription);

  // Takes the lease on the events of `response`, which came at `now`. They are
  // open. Returns the name of the delivery here.
  uint64_t Add(const v1::SubscribeResponse& response, SteadyTime now);

  // Whether the lease is good at `now`, so that its events may be started.
  bool Holds(uint64_t delivery, SteadyTime now) const;
  // Whether the event was settled as DONE and the relay may not know it yet.
  bool IsDone(uint64_t sequence) const { return done_.contains(sequence); }

  // Each closes an open event. Settle: with this result. Release: not started,
  // given back. Drop: nothing is said, the relay knows or will find out.
  void Settle(const LeasedEvent& event, const Handled& handled);
  void Release(const LeasedEvent& event);
  void Drop(const LeasedEvent& event);

  // One Acknowledge call.
  struct Batch {
    v1::AcknowledgeRequest request;
    SteadyTime send_time;

    // Of each settlement, the events that it is about.
    struct Entry {
      uint64_t delivery;
      std::vector<uint64_t> sequences;
    };
    std::vector<Entry> entries;
    size_t bytes;
  };

  // When TakeBatch() will have something: min() when it has now, max() when
  // never. A batch that is out is not looked at.
  SteadyTime NextDue() const;
  // Returns what there is to tell at `now`; the request may be without
  // settlements. Answer() or GiveBack() must follow before the next one.
  Batch TakeBatch(SteadyTime now);
  // The relay answered `batch`. Returns the results that came late.
  std::vector<LateSettlement> Answer(const Batch& batch,
                                     const v1::AcknowledgeResponse& response);
  // The call failed: its settlements are due again, but for those that are of
  // no use any more. Returns these.
  std::vector<LateSettlement> GiveBack(const Batch& batch, SteadyTime now);
  // The call was refused for good: its settlements are forgotten.
  void Forget(const Batch& batch);

  // How long the newest lease was when it was new; as long as there was none,
  // the longest possible.
  std::chrono::nanoseconds length() const { return length_; }

  // Nothing is open, to be told or on its way.
  bool empty() const { return deliveries_.empty(); }

 private:
  struct Delivery {
    std::string id;
    // How long the lease is when it is new.
    std::chrono::nanoseconds length;
    SteadyTime deadline;
    size_t events_count;
    std::set<uint64_t> open = {};
    bool lost = false;
    // To be told.
    std::vector<uint64_t> done = {};
    std::vector<uint64_t> released = {};
    std::vector<v1::Settlement> failed = {};  // RETRY, DEAD_LETTER
    // Settlements in the batch that is out.
    size_t out_count = 0;
    // Where it stands in extensions_; max(): not there.
    SteadyTime extend_time = SteadyTime::max();
  };
  using Deliveries = std::map<uint64_t, Delivery>;

  Deliveries::iterator Close(const LeasedEvent& event);
  void Tidy(Deliveries::iterator it);
  void ExtendAt(Deliveries::iterator it, SteadyTime time);
  static bool AddResults(Deliveries::iterator it, Batch& batch);
  static bool AddAll(Deliveries::iterator it, v1::AckAction action,
                     std::vector<uint64_t>& sequences, Batch& batch);
  static bool Append(Deliveries::iterator it, v1::Settlement settlement,
                     std::vector<uint64_t> sequences, Batch& batch);
  void TellAgain(Deliveries::iterator it, const v1::Settlement& settlement,
                 const std::vector<uint64_t>& sequences);

  const std::string subscription_;
  uint64_t next_delivery_ = 1;
  std::chrono::nanoseconds length_ = absl::ToChronoNanoseconds(kLengthMax);
  // Of all so far: what came late has little left, and is extended by this.
  std::chrono::nanoseconds longest_{};
  Deliveries deliveries_;
  // Deliveries with results to be told.
  std::set<uint64_t> unsettled_;
  // When which lease is to be extended.
  std::set<std::pair<SteadyTime, uint64_t>> extensions_;
  // Sequences settled as DONE, not answered yet.
  std::set<uint64_t> done_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_LEASES_H_
