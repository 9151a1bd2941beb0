// A subscription lives through whatever can happen to it, at random, beside a
// model of what it is to do.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/stream/proto_time.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"
#include "tests/support/append.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/memory_state_store.h"
#include "tests/support/soak.h"
#include "tests/unit/subscriptions/dispatcher_model.h"

namespace enveloperelay {
namespace {

using testing::AppendAndWait;
using testing::DispatcherModel;
using testing::FakeClock;
using testing::MakeEvent;
using testing::MemoryEventLog;
using testing::MemoryStateStore;
using testing::ModelLog;

// Which kind of life it is.
struct Life {
  int envelopes = 4;
  v1::DeliveryOrder order = v1::DELIVERY_ORDER_BY_ENVELOPE;
  bool order_changes = false;
  bool filter_changes = false;
  bool seeks = false;
  SubscriptionLimits limits = {};
};

class Simulation {
 public:
  Simulation(const Life& life, uint64_t seed) : life_(life), random_(seed) {
    proto_.set_name("orders");
    proto_.set_order(life.order);
    proto_.set_max_attempts(4);
    *proto_.mutable_ack_deadline() = ToProto(absl::Seconds(4));
    *proto_.mutable_min_backoff() = ToProto(absl::Milliseconds(200));
    *proto_.mutable_max_backoff() = ToProto(absl::Seconds(3));
    dispatcher_ = Dispatcher::Create(environment(), Settings(), {}, 0);
    model_ = std::make_unique<DispatcherModel>(
        facts_, life.limits, ModelSettings(),
        DispatcherModel::Asked{.has_letter =
                                   [this](uint64_t sequence) {
                                     return HasLetter(sequence, false);
                                   },
                               .has_copy =
                                   [this](uint64_t sequence) {
                                     return HasLetter(sequence, true);
                                   }});
    BeginCommit();
    EndCommit();
  }

  // Returns what went wrong; empty: nothing.
  std::string Run(int steps) {
    for (int i = 0; i < steps && Right(); ++i) Step();
    const std::string stopped = absl::StrCat("step ", steps_, ": ");
    if (Right()) Drain();
    return Right() ? "" : stopped + model_->wrong() + wrong_;
  }
  // Events that were delivered, and deliveries: a life with few is no test.
  uint64_t deliveries() const { return deliveries_; }
  int crashes() const { return crashes_; }

 private:
  struct Seen {
    uint64_t epoch = 0;
    uint64_t lease = 0;
    std::string id;
    std::vector<uint64_t> sequences;
  };
  // What is durable, or about to be.
  struct Saved {
    DispatcherModel model;
    v1::Subscription proto;
    std::vector<Seen> handouts;
  };

  bool Right() const { return model_->wrong().empty() && wrong_.empty(); }
  void Expect(bool right, const std::string& what) {
    if (!right && wrong_.empty()) wrong_ = what;
  }
  uint64_t Below(uint64_t end) {
    return std::uniform_int_distribution<uint64_t>(0, end - 1)(random_);
  }
  bool Chance(uint64_t percent) { return Below(100) < percent; }
  int64_t Now() const { return absl::ToUnixMicros(clock_.Now()); }

  Dispatcher::Environment environment() {
    return {.log = log_,
            .store = store_,
            .clock = clock_,
            .limits = life_.limits,
            .random = [] { return 0.5; }};
  }
  SubscriptionSettings Settings() const {
    absl::StatusOr<SubscriptionSettings> settings = CheckSettings(proto_, "");
    RELAY_CHECK(settings.ok());
    return *std::move(settings);
  }
  DispatcherModel::Settings ModelSettings() const {
    const SubscriptionSettings settings = Settings();
    DispatcherModel::Settings model{
        .by_envelope = settings.by_envelope,
        .paused = settings.paused,
        .attempts_max = settings.attempts_max,
        .types = {},
        .ack_micros = absl::ToInt64Microseconds(settings.ack_deadline),
        .max_backoff_micros = absl::ToInt64Microseconds(settings.max_backoff),
        .backoff_micros = [settings](uint32_t attempts) {
          return absl::ToInt64Microseconds(Backoff(settings, attempts, 0.5));
        }};
    for (const int type : proto_.filter().types()) {
      model.types.insert(static_cast<v1::EventType>(type));
    }
    return model;
  }
  bool HasLetter(uint64_t sequence, bool replayed) const {
    const auto letter = dispatcher_->dead_letters().Get(Sequence{sequence});
    return letter.ok() && dispatcher_->dead_letters().IsPutBack(
                              Sequence{sequence}) == replayed;
  }

  void Step() {
    ++steps_;
    Act();
    if (!Right()) return;
    model_->CheckWorkers(dispatcher_->Workers());
    model_->CheckCounters(dispatcher_->Counters(), /*after_dispatch=*/false);
    if (in_flight_.has_value()) {
      if (Chance(50)) EndCommit();
    } else if (Chance(70) && dispatcher_->has_changes()) {
      BeginCommit();
      if (Chance(70)) EndCommit();
    }
    if (Below(200) == 0) Crash();
    if (Below(100) == 0) CommitAndCheckKeys();
  }
  void Act() {
    const uint64_t draw = Below(100);
    if (draw < 15) {
      Append();
    } else if (draw < 23) {
      Join();
    } else if (draw < 24) {
      Leave();
    } else if (draw < 40) {
      SetReady();
    } else if (draw < 60) {
      Dispatch();
    } else if (draw < 82) {
      Settle();
    } else if (draw < 90) {
      clock_.Advance(absl::Milliseconds(Chance(10) ? Below(6000) : Below(800)));
    } else if (draw < 93) {
      Retain();
    } else if (draw < 96) {
      Letters();
    } else {
      Change();
    }
  }

  void Append() {
    static constexpr std::array kTypes = {v1::EVENT_TYPE_ENVELOPE_COMPLETED,
                                          v1::EVENT_TYPE_ENVELOPE_EXPIRED,
                                          v1::EVENT_TYPE_ENVELOPE_VOIDED};
    // Few enough that workers keep up.
    if (dispatcher_->Counters().backlog > 40) return;
    for (uint64_t left = 1 + Below(4); left > 0; --left) {
      const int envelope =
          static_cast<int>(Below(static_cast<uint64_t>(life_.envelopes)));
      const v1::EventType type = kTypes.at(Below(kTypes.size()));
      const std::string event_id = absl::StrCat("e", facts_.end() + 1);
      const std::string envelope_id = absl::StrCat("envelope-", envelope);
      const std::string payload(Below(800), 'p');
      v1::EnvelopeEvent event = MakeEvent({.event_id = event_id,
                                           .envelope_id = envelope_id,
                                           .receive_time = clock_.Now(),
                                           .payload = payload});
      event.set_type(type);
      RELAY_CHECK(AppendAndWait(log_, std::move(event)).ok());
      facts_.events.push_back(
          {.envelope = envelope, .type = type, .receive_micros = Now()});
    }
  }

  void Join() {
    const WorkerSpec spec{
        .worker_id = absl::StrCat("w", Below(4)),
        .peer = "192.0.2.1:1",
        .batch = {.events_max = size_t{1} << Below(5),
                  .bytes_max = Chance(50) ? size_t{1} << 20 : 1000},
        .outstanding_max = static_cast<uint32_t>(1 + Below(12))};
    // One that is connected seldom joins again.
    const bool connected =
        std::ranges::any_of(model_->workers(), [&spec](const auto& entry) {
          return entry.second.worker_id == spec.worker_id;
        });
    if (connected && !Chance(10)) return;
    const Dispatcher::Joined joined = dispatcher_->Join(spec);
    model_->Join(joined.key.value,
                 {.worker_id = spec.worker_id,
                  .events_max = spec.batch.events_max,
                  .outstanding_max = spec.outstanding_max},
                 Now());
    Expect(joined.superseded.has_value() == connected,
           "a worker was superseded, or was not");
  }
  std::optional<WorkerKey> AWorker() {
    if (model_->workers().empty()) return std::nullopt;
    const auto found =
        std::next(model_->workers().begin(),
                  static_cast<int64_t>(Below(model_->workers().size())));
    return WorkerKey{found->first};
  }
  void Leave() {
    const std::optional<WorkerKey> worker = AWorker();
    if (!worker.has_value()) return;
    dispatcher_->Leave(*worker);
    model_->Leave(worker->value);
  }
  void SetReady() {
    const std::optional<WorkerKey> worker = AWorker();
    if (!worker.has_value()) return;
    dispatcher_->SetReady(*worker);
    model_->SetReady(worker->value);
  }

  void Dispatch() {
    const absl::StatusOr<std::vector<Handout>> handouts =
        dispatcher_->Dispatch();
    if (!handouts.ok()) {
      Expect(false, std::string(handouts.status().message()));
      return;
    }
    model_->Dispatch(*handouts, dispatcher_->position().value, Now());
    Expect(!dispatcher_->has_more(), "there is more in so short a log");
    if (!Right()) return;
    model_->CheckCounters(dispatcher_->Counters(), /*after_dispatch=*/true);
    for (const Handout& handout : *handouts) {
      if (Chance(5)) {
        dispatcher_->TakeBack(handout);
        model_->TakeBack(handout, Now());
        continue;
      }
      Seen& seen = unsent_.emplace_back();
      seen.epoch = handout.epoch;
      seen.lease = handout.lease;
      seen.id = handout.delivery.delivery_id();
      const std::optional<LeaseId> id = DecodeLeaseId(seen.id);
      for (const Sequence sequence : id->events) {
        seen.sequences.push_back(sequence.value);
      }
      deliveries_ += seen.sequences.size();
    }
  }

  void MarkSent(const Seen& handout) {
    const Handout sent{.worker = {},
                       .epoch = handout.epoch,
                       .lease = handout.lease,
                       .batch = Batch(v1::EVENT_VIEW_FULL, {}),
                       .delivery = {},
                       .gap = {}};
    dispatcher_->MarkSent(sent);
    model_->MarkSent(handout.epoch, handout.lease);
  }

  v1::Settlement ASettlement() {
    static constexpr std::array kActions = {
        v1::ACK_ACTION_DONE,    v1::ACK_ACTION_DONE,
        v1::ACK_ACTION_DONE,    v1::ACK_ACTION_DONE,
        v1::ACK_ACTION_DONE,    v1::ACK_ACTION_DONE,
        v1::ACK_ACTION_DONE,    v1::ACK_ACTION_RETRY,
        v1::ACK_ACTION_RETRY,   v1::ACK_ACTION_DEAD_LETTER,
        v1::ACK_ACTION_RELEASE, v1::ACK_ACTION_EXTEND};
    v1::Settlement settlement;
    // Late ones now and then.
    const size_t recent =
        Chance(80) ? std::min<size_t>(seen_.size(), 6) : seen_.size();
    const Seen& seen = seen_[seen_.size() - 1 - Below(recent)];
    settlement.set_delivery_id(Chance(1) ? "none such" : seen.id);
    settlement.set_action(kActions.at(Below(kActions.size())));
    if (Chance(50)) {
      for (const uint64_t sequence : seen.sequences) {
        if (Chance(60)) settlement.add_sequences(sequence);
      }
      if (Chance(5)) settlement.add_sequences(1 + Below(facts_.end() + 2));
    }
    if (Chance(50)) {
      *settlement.mutable_delay() = ToProto(absl::Milliseconds(Below(3000)));
    }
    return settlement;
  }
  void Settle() {
    if (seen_.empty()) return;
    std::vector<v1::Settlement> settlements;
    for (uint64_t left = 1 + Below(3); left > 0; --left) {
      settlements.push_back(ASettlement());
    }
    SettleAll(settlements);
  }
  void SettleAll(const std::vector<v1::Settlement>& settlements) {
    // One that settles nothing: where there is no room for all dead letters,
    // the model looks at which of those whose leases run out became some.
    dispatcher_->Settle({}, std::nullopt);
    model_->ExpireLeases(Now());
    for (const v1::Settlement& settlement : settlements) {
      const v1::SettlementStatus status = dispatcher_->Settle(
          settlement, DecodeLeaseId(settlement.delivery_id()));
      const v1::SettlementStatus expected = model_->Settle(settlement, Now());
      Expect(status == expected,
             absl::StrCat(v1::AckAction_Name(settlement.action()), " is ",
                          v1::SettlementStatus_Name(status), ", not ",
                          v1::SettlementStatus_Name(expected)));
    }
  }

  void Retain() {
    const uint64_t settled = dispatcher_->Counters().cursor.value;
    // Seldom of what is not settled.
    const uint64_t until = Chance(85) ? settled : facts_.end();
    if (until + 1 <= facts_.earliest) return;
    facts_.earliest += Below(until + 2 - facts_.earliest);
    log_.SetEarliest(Sequence{facts_.earliest});
    if (Chance(50)) log_.ForgetRecent();
  }

  void Letters() {
    Dispatcher::LetterSpec spec{.sequences = std::nullopt};
    std::set<uint64_t> letters = model_->letters();
    if (Chance(50)) {
      std::erase_if(letters, [this](uint64_t) { return Chance(50); });
      spec.sequences.emplace();
      for (const uint64_t letter : letters) {
        spec.sequences->push_back(Sequence{letter});
      }
      // One that may not be there.
      const uint64_t other = 1 + Below(facts_.end() + 1);
      spec.sequences->push_back(Sequence{other});
      if (model_->letters().contains(other)) letters.insert(other);
    } else if (Chance(50)) {
      spec.max_count = 1 + Below(3);
      while (letters.size() > spec.max_count) {
        letters.erase(std::prev(letters.end()));
      }
    }
    spec.dry_run = Chance(10);
    const bool replay = Chance(70);
    const absl::StatusOr<uint64_t> count =
        replay ? dispatcher_->Replay(spec) : dispatcher_->DeleteLetters(spec);
    uint64_t expected = letters.size();
    if (!spec.dry_run && replay) expected = model_->Replay(letters, Now());
    if (!spec.dry_run && !replay) model_->Delete(letters);
    Expect(count.ok() && *count == expected, "another count of dead letters");
  }

  void Change() {
    const uint64_t draw = Below(100);
    if (draw < 15) {
      proto_.set_paused(!proto_.paused() && Chance(50));
    } else if (draw < 25) {
      proto_.set_max_attempts(Chance(10) ? -1 : static_cast<int>(1 + Below(5)));
    } else if (draw < 50 && life_.filter_changes) {
      proto_.clear_filter();
      if (Chance(60)) {
        proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
        if (Chance(50)) {
          proto_.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
        }
      }
    } else if (draw < 75 && life_.order_changes) {
      proto_.set_order(proto_.order() == v1::DELIVERY_ORDER_NONE
                           ? v1::DELIVERY_ORDER_BY_ENVELOPE
                           : v1::DELIVERY_ORDER_NONE);
    } else {
      if (life_.seeks && Chance(20)) Seek();
      return;
    }
    SetSettings();
  }
  void SetSettings() {
    const absl::Status status = dispatcher_->SetSettings(Settings());
    Expect(status.ok(), "no new settings");
    model_->SetSettings(ModelSettings());
  }
  void Seek() {
    LogStart start{.position = Sequence{Below(facts_.end() + 1)}};
    // Not so far back that all time goes into that.
    if (start.position.value + 60 < facts_.end()) {
      start.position.value = facts_.end() - 60;
    }
    if (Chance(20)) {
      start.begin_micros =
          Now() + static_cast<int64_t>(Below(3'000'000)) - 1'000'000;
    }
    const uint64_t epoch = random_();
    dispatcher_->Seek(start, epoch);
    model_->Seek(start.position.value, start.begin_micros, epoch);
  }

  // Hands what has changed to the store, which has not written it yet.
  void BeginCommit() {
    store_.HoldWrites();
    store_.Write(dispatcher_->TakeChanges(), [](const absl::Status&) {});
    in_flight_.emplace(Saved{.model = *model_,
                             .proto = proto_,
                             .handouts = std::exchange(unsent_, {})});
  }
  void EndCommit() {
    store_.ReleaseWrites();
    dispatcher_->OnDurable();
    for (Seen& handout : in_flight_->handouts) {
      // Its worker may read nothing for a while.
      if (!Chance(10)) MarkSent(handout);
      seen_.push_back(std::move(handout));
    }
    if (seen_.size() > 100) seen_.erase(seen_.begin(), seen_.begin() + 50);
    durable_.emplace(*std::exchange(in_flight_, std::nullopt));
  }
  void Crash() {
    ++crashes_;
    const bool written = in_flight_.has_value() && Chance(50);
    store_.Crash(written ? 1 : 0);
    if (written) durable_.emplace(*std::move(in_flight_));
    in_flight_.reset();
    unsent_.clear();
    *model_ = durable_->model;
    proto_ = durable_->proto;
    auto loaded = Dispatcher::Load(environment(), Settings());
    if (!loaded.ok()) {
      Expect(false, std::string(loaded.status().message()));
      return;
    }
    dispatcher_ = *std::move(loaded);
    model_->Load();
    model_->CheckCounters(dispatcher_->Counters(), /*after_dispatch=*/false);
  }
  void CommitAndCheckKeys() {
    if (in_flight_.has_value()) EndCommit();
    BeginCommit();
    EndCommit();
    model_->CheckKeys(store_.entry_count(StateTable::kSubscriptions),
                      store_.entry_count(StateTable::kDeadLetters));
  }

  // All workers behave well from now on, and nothing else happens.
  void Drain() {
    for (const auto& [key, worker] : std::map(model_->workers())) {
      dispatcher_->Leave(WorkerKey{key});
      model_->Leave(key);
    }
    proto_.clear_filter();
    proto_.set_paused(false);
    SetSettings();
    const WorkerSpec spec{.worker_id = "last", .peer = {}};
    const WorkerKey worker = dispatcher_->Join(spec).key;
    model_->Join(worker.value,
                 {.worker_id = "last",
                  .events_max = spec.batch.events_max,
                  .outstanding_max = spec.outstanding_max},
                 Now());
    for (int round = 0; round < 200 && Right(); ++round) {
      if (Chance(20)) DrainLetters();
      dispatcher_->SetReady(worker);
      model_->SetReady(worker.value);
      Dispatch();
      if (!Right()) return;
      CommitAndCheckKeys();
      std::vector<v1::Settlement> settlements;
      for (const Seen& seen : seen_) {
        v1::Settlement& settlement = settlements.emplace_back();
        settlement.set_delivery_id(seen.id);
        settlement.set_action(v1::ACK_ACTION_DONE);
      }
      seen_.clear();
      SettleAll(settlements);
      clock_.Advance(absl::Seconds(1));
    }
    CommitAndCheckKeys();
    const SubscriptionCounters counters = dispatcher_->Counters();
    Expect(counters.backlog == 0 && counters.outstanding == 0 &&
               counters.retrying == 0 && counters.dead_letters == 0 &&
               store_.entry_count(StateTable::kSubscriptions) == 1 &&
               store_.entry_count(StateTable::kDeadLetters) == 0,
           "something is left at the end");
  }
  void DrainLetters() {
    const absl::StatusOr<uint64_t> count = dispatcher_->Replay({});
    Expect(count.ok() &&
               *count == model_->Replay(std::set(model_->letters()), Now()),
           "another count of dead letters");
  }

  const Life life_;
  std::mt19937_64 random_;
  MemoryEventLog log_;
  MemoryStateStore store_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  ModelLog facts_;
  v1::Subscription proto_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<DispatcherModel> model_;
  std::string wrong_;

  std::vector<Seen> unsent_;  // not durable
  std::vector<Seen> seen_;    // by their workers, oldest first
  std::optional<Saved> in_flight_;
  std::optional<Saved> durable_;

  int steps_ = 0;
  int crashes_ = 0;
  uint64_t deliveries_ = 0;
};

void Live(const Life& life) {
  const uint64_t seed = testing::Seed();
  const int lives = testing::Soak() ? 1000 : 30;
  constexpr int kSteps = 5000;
  uint64_t deliveries = 0;
  for (int i = 0; i < lives; ++i) {
    const uint64_t own = seed + static_cast<uint64_t>(i);
    Simulation simulation(life, own);
    EXPECT_EQ(simulation.Run(kSteps), "") << "RELAY_SEED=" << own;
    if (::testing::Test::HasFailure()) return;
    EXPECT_GT(simulation.crashes(), 0);
    deliveries += simulation.deliveries();
  }
  std::cout << deliveries << " deliveries\n";
}

TEST(SimulationTest, ByEnvelope) { Live({}); }

TEST(SimulationTest, ByEnvelopeWhileTheFilterChanges) {
  Live({.filter_changes = true});
}

TEST(SimulationTest, ByEnvelopeThroughSeeks) { Live({.seeks = true}); }

TEST(SimulationTest, WithoutOrder) {
  Live({.order = v1::DELIVERY_ORDER_NONE, .filter_changes = true});
}

TEST(SimulationTest, WhileEverythingChanges) {
  Live({.envelopes = 3,
        .order_changes = true,
        .filter_changes = true,
        .seeks = true});
}

TEST(SimulationTest, AtItsLimits) {
  Live({.envelopes = 8,
        .order_changes = true,
        .seeks = true,
        .limits = {.unsettled_max = 6, .dead_letters_max = 3}});
}

}  // namespace
}  // namespace enveloperelay
