#ifndef ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_MODEL_H_
#define ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"

namespace enveloperelay::testing {

// What the log holds, as the model sees it.
struct ModelLog {
  struct Event {
    int envelope = 0;
    v1::EventType type = v1::EVENT_TYPE_UNSPECIFIED;
    int64_t receive_micros = 0;
  };
  std::vector<Event> events;  // the first one's sequence is 1
  uint64_t earliest = 1;

  uint64_t end() const { return events.size(); }
  const Event& At(uint64_t sequence) const { return events[sequence - 1]; }
};

// What a subscription is to do, told as simply as can be: an entry for each
// event that is not settled, and everything looked for by walking over them.
// It does not choose what a worker gets; it says whether a choice is right.
class DispatcherModel {
 public:
  struct Settings {
    bool by_envelope = true;
    bool paused = false;
    uint32_t attempts_max = 3;
    std::set<v1::EventType> types;  // empty: all
    int64_t ack_micros = 0;
    int64_t max_backoff_micros = 0;
    // By attempts, when the worker names no delay.
    std::function<int64_t(uint32_t)> backoff_micros;
  };
  struct Unsettled {
    bool leased = false;
    uint64_t lease = 0;
    uint64_t worker = 0;  // its key; 0: has gone
    std::string worker_id;
    int64_t deadline = 0;
    int64_t due = 0;
    uint32_t attempts = 0;
    uint64_t returned_by = 0;
    bool copied = false;
    bool sent = false;  // the lease that it is in
    // It is not its first delivery, so an earlier lease may name it.
    bool again = false;
    // When the order came into force it was retained no longer: it holds up
    // nothing.
    bool apart = false;
  };
  struct Worker {
    std::string worker_id;
    size_t events_max = 0;
    size_t outstanding_max = 0;
    bool ready = false;
  };

  // What the dispatcher is asked, where a model cannot know.
  struct Asked {
    // Whether it has a dead letter: the limit decides which of several becomes
    // one.
    std::function<bool(uint64_t)> has_letter;
    // Whether it has a dead letter that was put back.
    std::function<bool(uint64_t)> has_copy;
  };
  // `log` outlives it.
  DispatcherModel(const ModelLog& log, SubscriptionLimits limits,
                  Settings settings, Asked asked);

  // What was found wrong first; empty: nothing.
  const std::string& wrong() const { return wrong_; }

  void SetSettings(Settings settings);
  void Join(uint64_t key, Worker worker, int64_t now);
  void Leave(uint64_t key);
  void SetReady(uint64_t key);
  // What a Dispatch() gave, and where it left the position.
  void Dispatch(const std::vector<Handout>& handouts, uint64_t position,
                int64_t now);
  v1::SettlementStatus Settle(const v1::Settlement& settlement, int64_t now);
  // Leases run out. Settle() is to follow.
  void ExpireLeases(int64_t now);
  void MarkSent(uint64_t epoch, uint64_t lease);
  void TakeBack(const Handout& handout, int64_t now);
  void Seek(uint64_t position, int64_t begin_micros, uint64_t epoch);
  uint64_t Replay(const std::set<uint64_t>& letters, int64_t now);
  void Delete(const std::set<uint64_t>& letters);
  // The relay was started again, and found this.
  void Load();
  // The position that was reached, though nothing else has happened.
  void SetPosition(uint64_t position) { position_ = position; }

  void CheckCounters(const SubscriptionCounters& counters, bool after_dispatch);
  void CheckWorkers(const std::vector<v1::Worker>& workers);
  // How many keys are stored, when all is durable.
  void CheckKeys(size_t subscription_keys, size_t letter_keys);

  const std::set<uint64_t>& letters() const { return letters_; }
  const std::map<uint64_t, Worker>& workers() const { return workers_; }
  const std::map<uint64_t, Unsettled>& unsettled() const { return unsettled_; }
  const Settings& settings() const { return settings_; }
  uint64_t position() const { return position_; }
  // Counts of what was lost are estimates from now on.
  void EstimateLost() { lost_exact_ = false; }

 private:
  void Expect(bool right, const std::string& what);
  bool Retained(uint64_t sequence) const { return sequence >= log_->earliest; }
  bool Wanted(uint64_t sequence) const;
  // Whether events of the envelope wait for one that is not settled.
  bool Held(int envelope) const;
  bool Deliverable(uint64_t sequence) const;
  bool BlockedBefore(uint64_t sequence) const;
  size_t Outstanding(uint64_t worker) const;

  void Wait(uint64_t sequence, int64_t due);
  void Expire(uint64_t sequence, int64_t now, bool ask);
  bool PutAside(uint64_t sequence);
  void Settled(uint64_t sequence) { unsettled_.erase(sequence); }
  v1::SettlementStatus Apply(uint64_t sequence,
                             const v1::Settlement& settlement, int64_t now);
  bool IsToCome(uint64_t sequence);
  // Nothing: it is settled.
  std::optional<v1::SettlementStatus> SettleOne(
      const LeaseId& id, uint64_t sequence, const v1::Settlement& settlement,
      int64_t now);
  v1::SettlementStatus SettledBefore(const LeaseId& id, uint64_t sequence,
                                     v1::AckAction action) const;
  void Lose(uint64_t count);
  void ApplyRetention();
  void Lease(const Handout& handout, int64_t now);
  void LeaseOne(uint64_t sequence, const Handout& handout, uint32_t attempts,
                int64_t now);
  void ForgetBlocked(uint64_t sequence);
  void PassTo(uint64_t position);
  void CheckNothingLeft(int64_t now);
  void DropUnwanted(bool certain);

  const ModelLog* log_;
  SubscriptionLimits limits_;
  Settings settings_;
  Asked asked_;
  std::string wrong_;

  std::map<uint64_t, Unsettled> unsettled_;
  // Passed by while an earlier one of the envelope was not settled, and what
  // follows there; the filter decides when their turn comes.
  std::map<int, std::set<uint64_t>> blocked_;
  // Of those: it cannot be seen whether the filter has dropped them.
  std::set<uint64_t> uncertain_;
  std::set<uint64_t> letters_;
  // The newest lease that gave the event back by a settlement.
  std::map<uint64_t, uint64_t> put_aside_by_;
  std::set<uint64_t> old_letters_;  // of those, from before the last seek
  std::map<uint64_t, Worker> workers_;
  std::set<uint64_t> leased_now_;  // by the Dispatch() that is looked at
  uint64_t position_ = 0;
  int64_t begin_micros_ = INT64_MIN;
  uint64_t epoch_ = 0;
  uint64_t last_lease_ = 0;
  uint64_t earliest_ = 0;  // when retention was looked at
  uint64_t lost_ = 0;
  uint64_t gap_lost_ = 0;
  bool lost_exact_ = true;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_MODEL_H_
