#ifndef ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_FIXTURE_H_
#define ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
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
#include "server/stream/reader.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/settings.h"
#include "tests/support/append.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/memory_state_store.h"
#include "tests/unit/stream/byte_buffer.h"

namespace enveloperelay::testing {

// A handout as its worker sees it.
struct Delivered {
  WorkerKey worker;
  uint64_t epoch = 0;
  uint64_t lease = 0;
  std::string id;
  std::vector<uint64_t> sequences;
  std::vector<uint32_t> attempts;
  v1::Delivery delivery;
  std::optional<v1::Gap> gap;
};

// A dispatcher over a log and a store in memory. Settings: ack_deadline 30 s,
// backoff 1 s to 60 s without jitter, three attempts, by envelope.
class DispatcherTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kAckDeadline = absl::Seconds(30);
  static constexpr absl::Duration kMaxBackoff = absl::Seconds(60);

  DispatcherTest() {
    proto_.set_name("orders");
    proto_.set_max_attempts(3);
    *proto_.mutable_max_backoff() = ToProto(kMaxBackoff);
  }

  Dispatcher& dispatcher() {
    if (dispatcher_ == nullptr) Create({});
    return *dispatcher_;
  }
  void Create(const LogStart& start) {
    dispatcher_ =
        Dispatcher::Create(environment(), Checked(proto_), start, ++epoch_);
    Commit();
  }
  // As if the relay was killed, and started again.
  void Restart() {
    store_.Crash();
    auto loaded = Dispatcher::Load(environment(), Checked(proto_));
    RELAY_CHECK(loaded.ok());
    dispatcher_ = *std::move(loaded);
  }
  absl::Status TryLoad() {
    return Dispatcher::Load(environment(), Checked(proto_)).status();
  }
  // Sets a key of the store, or removes it.
  void Put(std::string key, std::optional<std::string> value) {
    store_.Write({{.table = StateTable::kSubscriptions,
                   .key = std::move(key),
                   .value = std::move(value),
                   .range_end = {}}},
                 [](const absl::Status& status) { RELAY_CHECK(status.ok()); });
  }
  // Makes durable what has changed.
  void Commit() {
    store_.Write(dispatcher().TakeChanges(),
                 [](const absl::Status& status) { RELAY_CHECK(status.ok()); });
    dispatcher().OnDurable();
  }
  // Puts proto_ into force.
  void Update() {
    RELAY_CHECK(dispatcher().SetSettings(Checked(proto_)).ok());
    Commit();
  }
  void SeekTo(const LogStart& start) {
    dispatcher().Seek(start, ++epoch_);
    Commit();
  }

  // Appends an event of each envelope.
  void Append(std::initializer_list<std::string> envelope_ids,
              v1::EventType type = v1::EVENT_TYPE_ENVELOPE_COMPLETED) {
    for (const std::string& envelope_id : envelope_ids) {
      const std::string id = absl::StrCat("e", log_.Bounds().latest.value + 1);
      v1::EnvelopeEvent event = MakeEvent({.event_id = id,
                                           .envelope_id = envelope_id,
                                           .receive_time = clock_.Now()});
      event.set_type(type);
      RELAY_CHECK(AppendAndWait(log_, std::move(event)).ok());
    }
  }

  WorkerKey Join(const std::string& worker_id, uint32_t outstanding_max = 1000,
                 size_t events_max = 256) {
    const WorkerKey key = dispatcher()
                              .Join({.worker_id = worker_id,
                                     .peer = "192.0.2.1:1",
                                     .batch = {.events_max = events_max,
                                               .bytes_max = size_t{1} << 20},
                                     .outstanding_max = outstanding_max})
                              .key;
    Commit();
    return key;
  }

  std::vector<Delivered> Dispatch() {
    absl::StatusOr<std::vector<Handout>> handouts = dispatcher().Dispatch();
    RELAY_CHECK(handouts.ok());
    Commit();
    std::vector<Delivered> all;
    for (Handout& handout : *handouts) {
      Delivered& delivered = all.emplace_back();
      delivered.worker = handout.worker;
      delivered.epoch = handout.epoch;
      delivered.lease = handout.lease;
      if (sends_) dispatcher().MarkSent(handout);
      delivered.id = handout.delivery.delivery_id();
      delivered.delivery = handout.delivery;
      delivered.gap = handout.gap;
      const auto response = ParseBytes<v1::SubscribeResponse>(
          std::move(handout.batch).Finish(""));
      for (const v1::EnvelopeEvent& event : response.events()) {
        delivered.sequences.push_back(event.sequence());
        delivered.attempts.push_back(1);
      }
      if (!handout.delivery.attempts().empty()) {
        delivered.attempts.assign(handout.delivery.attempts().begin(),
                                  handout.delivery.attempts().end());
      }
    }
    return all;
  }
  // What the worker gets when it asks: no sequences if that is nothing.
  Delivered Take(WorkerKey worker) {
    dispatcher().SetReady(worker);
    std::vector<Delivered> all = Dispatch();
    return all.empty() ? Delivered() : std::move(all.front());
  }
  // The handout was not sent.
  void TakeBack(const Delivered& delivered) {
    dispatcher().TakeBack({.worker = delivered.worker,
                           .epoch = delivered.epoch,
                           .lease = delivered.lease,
                           .batch = Batch(v1::EVENT_VIEW_FULL, {}),
                           .delivery = delivered.delivery,
                           .gap = delivered.gap});
    Commit();
  }

  v1::SettlementStatus Settle(
      const Delivered& delivered, v1::AckAction action,
      const std::vector<uint64_t>& sequences = {},
      std::optional<absl::Duration> delay = std::nullopt) {
    v1::Settlement settlement;
    settlement.set_delivery_id(delivered.id);
    settlement.set_action(action);
    settlement.mutable_sequences()->Add(sequences.begin(), sequences.end());
    if (delay.has_value()) *settlement.mutable_delay() = ToProto(*delay);
    return SettleAs(settlement);
  }
  v1::SettlementStatus SettleAs(const v1::Settlement& settlement) {
    const v1::SettlementStatus status = dispatcher().Settle(
        settlement, DecodeLeaseId(settlement.delivery_id()));
    Commit();
    return status;
  }
  v1::SettlementStatus Done(const Delivered& delivered,
                            const std::vector<uint64_t>& sequences = {}) {
    return Settle(delivered, v1::ACK_ACTION_DONE, sequences);
  }
  uint64_t Replay(const Dispatcher::LetterSpec& spec = {}) {
    const absl::StatusOr<uint64_t> replayed = dispatcher().Replay(spec);
    RELAY_CHECK(replayed.ok());
    Commit();
    return *replayed;
  }
  size_t StateKeys() const {
    return store_.entry_count(StateTable::kSubscriptions);
  }

  // What is handed out is sent.
  bool sends_ = true;
  MemoryEventLog log_;
  MemoryStateStore store_;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  v1::Subscription proto_;
  SubscriptionLimits limits_;

 private:
  Dispatcher::Environment environment() {
    return {.log = log_,
            .store = store_,
            .clock = clock_,
            .limits = limits_,
            .random = [] { return 0.0; }};
  }
  static SubscriptionSettings Checked(const v1::Subscription& proto) {
    absl::StatusOr<SubscriptionSettings> settings = CheckSettings(proto, "");
    RELAY_CHECK(settings.ok());
    return *std::move(settings);
  }

  uint64_t epoch_ = 0;
  std::unique_ptr<Dispatcher> dispatcher_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_UNIT_SUBSCRIPTIONS_DISPATCHER_FIXTURE_H_
