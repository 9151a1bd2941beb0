// A relay that ends again and again under load keeps what it promised.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/subscriber.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "tests/integration/durability/sender.h"
#include "tests/support/event_stream.h"
#include "tests/support/relay_process.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

using ::testing::IsEmpty;

// An event as a subscriber tells it apart.
struct SeenEvent {
  uint64_t sequence = 0;
  std::string event_id;
  std::string envelope_id;
  std::string recipient_id;

  friend bool operator==(const SeenEvent&, const SeenEvent&) = default;
};

SeenEvent See(const v1::EnvelopeEvent& event) {
  return {.sequence = event.sequence(),
          .event_id = event.event_id(),
          .envelope_id = event.envelope_id(),
          .recipient_id = event.audit_trail().recipient_id()};
}

// Subscribes from the first event on, on a thread of its own, through all that
// happens to the relay.
class Witness {
 public:
  explicit Witness(const std::string& target)
      : cursors_(directory_.File("cursor")), subscriber_(Options(target)) {
    thread_ = std::thread([this] { Watch(); });
  }
  ~Witness() {
    subscriber_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Returns what was seen up to that event, once it is.
  std::vector<SeenEvent> StopAt(uint64_t sequence) {
    {
      const MutexLock lock(mutex_);
      last_sequence_ = sequence;
      if (!seen_.empty() && seen_.back().sequence >= sequence) {
        subscriber_.Stop();
      }
    }
    thread_.join();
    const MutexLock lock(mutex_);
    return seen_;
  }

 private:
  client::SubscriberOptions Options(const std::string& target) {
    client::SubscriberOptions options;
    options.target = target;
    options.request.set_start(v1::START_POSITION_EARLIEST);
    options.cursor_store = &cursors_;
    options.backoff_initial = absl::Milliseconds(20);
    options.backoff_max = absl::Milliseconds(200);
    return options;
  }
  void Watch() {
    const absl::Status status =
        subscriber_.Run([this](const v1::EnvelopeEvent& event) {
          const MutexLock lock(mutex_);
          seen_.push_back(See(event));
          if (event.sequence() == last_sequence_) subscriber_.Stop();
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
  }

  const TempDir directory_;
  client::FileCursorStore cursors_;
  Mutex mutex_;
  std::vector<SeenEvent> seen_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> last_sequence_ ABSL_GUARDED_BY(mutex_);
  client::Subscriber subscriber_;
  std::thread thread_;
};

// All that the log holds.
std::vector<SeenEvent> ReadLog(const std::string& target) {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  request.set_until_caught_up(true);
  EventStream stream(Connect(target), request);
  std::vector<SeenEvent> events;
  while (const auto response = stream.Next()) {
    for (const v1::EnvelopeEvent& event : response->events()) {
      events.push_back(See(event));
    }
  }
  const grpc::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return events;
}

// How often the relay was ended.
struct Endings {
  int kills = 0;
  int drains = 0;
};

// Ends the relay every few seconds, for about as long as `duration`, and starts
// it again: kills it twice for each time that it drains.
Endings EndAgainAndAgain(RelayProcess& relay, Lifeline& lifeline,
                         absl::Duration duration) {
  std::mt19937_64 random(Seed());
  std::uniform_int_distribution<int> milliseconds(300, 4000);
  const absl::Time end = absl::Now() + duration;
  Endings endings;
  while (absl::Now() < end) {
    const absl::StatusOr<ExitStatus> ended =
        relay.WaitForExit(absl::Milliseconds(milliseconds(random)));
    EXPECT_FALSE(ended.ok()) << "the relay ended by itself\n" << relay.Log();
    if (random() % 3 == 0) {
      ++endings.drains;
      EXPECT_EQ(relay.Terminate().value(), (ExitStatus{.code = 0}));
    } else {
      ++endings.kills;
      relay.Kill();
    }
    const absl::Status started = relay.Restart();
    EXPECT_TRUE(started.ok()) << started;
    // The senders would wait for it for good.
    RELAY_CHECK(started.ok());
    lifeline.Started();
  }
  return endings;
}

class DurabilityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto relay = RelayProcess::Start({.stable_ports = true});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }

  // Each receipt names an event that is in the log, once, and each event of the
  // log has one. Those of one envelope stand in the order of their posting.
  static void ExpectTheReceiptsAre(
      const std::vector<SeenEvent>& log,
      const std::vector<std::unique_ptr<Sender>>& senders) {
    size_t receipts = 0;
    for (const auto& sender : senders) {
      EXPECT_THAT(sender->problems(), IsEmpty());
      uint64_t previous = 0;
      for (size_t i = 0; i < sender->receipts().size(); ++i, ++receipts) {
        const Receipt& receipt = sender->receipts()[i];
        ASSERT_GT(receipt.sequence, previous);
        ASSERT_LE(receipt.sequence, log.size()) << "lost: " << receipt.event_id;
        ASSERT_EQ(log[receipt.sequence - 1],
                  (SeenEvent{.sequence = receipt.sequence,
                             .event_id = receipt.event_id,
                             .envelope_id = sender->envelope_id(),
                             .recipient_id = std::to_string(i)}));
        previous = receipt.sequence;
      }
    }
    EXPECT_EQ(receipts, log.size());
  }

  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(DurabilityTest, KeepsWhatItAcknowledgedThroughKillsAndDrainsUnderLoad) {
  const int connections = Soak() ? 64 : 32;
  const absl::Duration duration = Soak() ? absl::Seconds(60) : absl::Seconds(8);
  Lifeline lifeline;
  Witness witness(relay_->grpc_target());
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i) {
    senders.push_back(std::make_unique<Sender>(relay_->ingress_port(), i));
    threads.emplace_back(
        [&lifeline, &sender = *senders.back()] { sender.Run(lifeline); });
  }

  const Endings endings = EndAgainAndAgain(*relay_, lifeline, duration);
  lifeline.End();
  for (std::thread& thread : threads) thread.join();
  // What is read now does not come from the memory that answered.
  relay_->Kill();
  ASSERT_TRUE(relay_->Restart().ok());

  const std::vector<SeenEvent> log = ReadLog(relay_->grpc_target());
  std::cout << endings.kills << " kills, " << endings.drains << " drains, "
            << log.size() << " events\n";
  ASSERT_FALSE(log.empty());
  for (size_t i = 0; i < log.size(); ++i) ASSERT_EQ(log[i].sequence, i + 1);
  ExpectTheReceiptsAre(log, senders);
  for (const auto& sender : senders) {
    EXPECT_LE(sender->turned_away(), endings.drains);
  }
  EXPECT_EQ(witness.StopAt(log.size()), log);
}

}  // namespace
}  // namespace enveloperelay::testing
