// Workers and relay killed again and again: every event is settled, in the
// order of its envelope, and comes again only when nobody was told that it is.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "tests/integration/subscriptions/subscriptions_relay_test.h"
#include "tests/support/child_process.h"
#include "tests/support/eventually.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {
namespace {

constexpr size_t kWorkers = 8;

// How much there is to do, and how often a round of kills interrupts it at
// most: some workers, then the relay.
struct Size {
  size_t events;
  size_t envelopes;
  size_t rounds;
  absl::Duration round;  // its length, about
};

// What the records of all workers say.
struct Findings {
  size_t settled = 0;  // events that a worker has handled
  size_t repeats = 0;  // starts but the first of an event
  size_t late = 0;
  std::vector<std::string> problems;
};

// Reads the records line by line, in the order in which they were written.
class Reading {
 public:
  void Read(std::istream& records) {
    std::string word;
    while (records >> word) {
      if (word == "problem") {
        std::string text;
        std::getline(records, text);
        findings_.problems.push_back("a worker met" + text);
        continue;
      }
      uint64_t sequence = 0;
      records >> sequence;
      if (word == "start") {
        uint32_t attempt = 0;
        std::string envelope_id;
        records >> attempt >> envelope_id;
        Start(sequence, envelope_id);
      } else if (word == "done") {
        Event& event = events_[sequence];
        if (!event.done) ++findings_.settled;
        event.done = true;
      } else if (word == "late") {
        ++findings_.late;
      } else if (word == "answered") {
        events_[sequence].answered = true;
      }
    }
  }
  const Findings& findings() const { return findings_; }

 private:
  struct Event {
    bool started = false;
    bool done = false;
    bool answered = false;
  };

  void Start(uint64_t sequence, const std::string& envelope_id) {
    Event& event = events_[sequence];
    if (event.answered) {
      findings_.problems.push_back(
          absl::StrCat("again after it was settled: ", sequence));
    }
    if (event.started) {
      ++findings_.repeats;
      return;
    }
    event.started = true;
    uint64_t& previous = newest_of_[envelope_id];
    if (previous > sequence) {
      findings_.problems.push_back(absl::StrCat(sequence, " begun after ",
                                                previous, " of ", envelope_id));
    } else if (previous != 0 && !events_[previous].done) {
      findings_.problems.push_back(absl::StrCat(sequence, " begun before ",
                                                previous, " of ", envelope_id,
                                                " was done"));
    }
    previous = sequence;
  }

  std::map<uint64_t, Event> events_;
  std::map<std::string, uint64_t> newest_of_;  // that was begun
  Findings findings_;
};

class SubscriptionKillsTest : public SubscriptionsRelayTest {
 protected:
  void SetUp() override {
    auto relay = RelayProcess::Start({.stable_ports = true});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
    ConnectStub();
    subscriptions_ = v1::SubscriptionService::NewStub(channel_);
    v1::Subscription subscription = Billing();
    // Of a worker that returns by another name.
    subscription.mutable_ack_deadline()->set_seconds(2);
    subscription.set_max_attempts(-1);
    Create(subscription);
  }

  void StartWorker(size_t index, const std::string& worker_id) {
    workers_[index] = std::make_unique<ChildProcess>(
        Command{.program = SUBSCRIPTION_WORKER,
                .arguments = {relay_->grpc_target(), "billing", worker_id,
                              RecordsFile()}});
  }
  std::string RecordsFile() const { return directory_.File("records"); }

  // Posts events to the envelopes, one by one and in turns, on connections that
  // have envelopes of their own.
  void PostInTurns(size_t count, size_t envelopes) {
    constexpr size_t kConnections = 16;
    std::vector<std::thread> posters;
    for (size_t c = 0; c < kConnections; ++c) {
      posters.emplace_back([this, c, count, envelopes] {
        auto connection = RawConnection::Connect(relay_->ingress_port());
        ASSERT_TRUE(connection.ok()) << connection.status();
        for (size_t i = posted_; i < posted_ + count; ++i) {
          const size_t envelope = i % envelopes;
          if (envelope % kConnections != c) continue;
          const std::string body =
              absl::StrCat(R"({"hook":{"event":"envelope_voided"},)",
                           R"("data":{"envelope_id":"e)", envelope,
                           R"(","file_name":")", i, R"("}})");
          ASSERT_TRUE(
              connection->Send(RawRequest("POST", "/webhooks/signplus", body))
                  .ok());
          const auto response = connection->Read();
          ASSERT_TRUE(response.ok()) << response.status();
          ASSERT_EQ(response->status, 200);
        }
      });
    }
    for (std::thread& poster : posters) poster.join();
    posted_ += count;
  }

  // Kills a few workers, one after the other, at times between which up to that
  // long passes; each comes back, most by their name.
  void KillWorkers(std::mt19937_64& random, absl::Duration up_to) {
    const int kills = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < kills; ++i) {
      const size_t index = random() % kWorkers;
      const auto ended = workers_[index]->Wait(Some(random, up_to));
      ASSERT_FALSE(ended.has_value()) << "a worker ended by itself";
      workers_[index]->Kill();
      ++kills_;
      const bool renamed = random() % 4 == 0;
      StartWorker(index, renamed ? absl::StrCat("worker-", index, "-", kills_)
                                 : absl::StrCat("worker-", index));
    }
  }
  void KillRelay(std::mt19937_64& random, absl::Duration up_to) {
    const auto ended = relay_->WaitForExit(Some(random, up_to));
    ASSERT_FALSE(ended.ok()) << "the relay ended by itself\n" << relay_->Log();
    relay_->Kill();
    ASSERT_NO_FATAL_FAILURE(RestartRelay());
  }
  static absl::Duration Some(std::mt19937_64& random, absl::Duration up_to) {
    return absl::Microseconds(
        random() % static_cast<uint64_t>(absl::ToInt64Microseconds(up_to)));
  }

  bool AllIsSettled() const {
    const v1::Subscription subscription = GetBilling();
    return subscription.backlog() == 0 && subscription.outstanding() == 0 &&
           subscription.retrying() == 0;
  }

  const TempDir directory_;
  std::array<std::unique_ptr<ChildProcess>, kWorkers> workers_;
  int kills_ = 0;
};

TEST_F(SubscriptionKillsTest, SettlesEveryEventInOrderThroughKillsOfAll) {
  const Size size = Soak() ? Size{.events = 200'000,
                                  .envelopes = 5000,
                                  .rounds = 200,
                                  .round = absl::Milliseconds(500)}
                           : Size{.events = 10'000,
                                  .envelopes = 500,
                                  .rounds = 12,
                                  .round = absl::Milliseconds(300)};
  std::mt19937_64 random(Seed());
  ASSERT_NO_FATAL_FAILURE(PostInTurns(size.events, size.envelopes));
  for (size_t i = 0; i < kWorkers; ++i) {
    StartWorker(i, absl::StrCat("worker-", i));
  }
  size_t rounds = 0;
  while (rounds < size.rounds && !AllIsSettled()) {
    ++rounds;
    ASSERT_NO_FATAL_FAILURE(KillWorkers(random, size.round / 8));
    ASSERT_NO_FATAL_FAILURE(KillRelay(random, size.round / 2));
  }
  ASSERT_TRUE(Eventually([this] { return AllIsSettled(); }, absl::Minutes(5)))
      << GetBilling().ShortDebugString();
  for (const auto& worker : workers_) worker->Kill();

  Reading reading;
  std::ifstream records(RecordsFile());
  reading.Read(records);
  const Findings& findings = reading.findings();
  std::cout << kills_ << " workers killed, relay " << rounds << " times, "
            << findings.repeats << " events delivered again, " << findings.late
            << " settled late\n";
  for (size_t i = 0; i < findings.problems.size() && i < 20; ++i) {
    ADD_FAILURE() << findings.problems[i];
  }
  EXPECT_EQ(findings.settled, size.events);
  EXPECT_EQ(GetBilling().dead_letters(), 0);
  EXPECT_EQ(GetBilling().lost_events(), 0);
}

}  // namespace
}  // namespace enveloperelay::testing
