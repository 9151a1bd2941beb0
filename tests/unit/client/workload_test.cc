#include "client/workload.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/leases.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/scripted_event_service.h"
#include "tests/support/settlements.h"

namespace enveloperelay::client {
namespace {

using ::enveloperelay::testing::DeliveredEvent;
using ::enveloperelay::testing::Delivery;
using ::enveloperelay::testing::Summaries;
using ::std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Task = Workload::Task;

class WorkloadTest : public ::testing::Test {
 protected:
  void Take(const std::string& delivery_id,
            const std::vector<DeliveredEvent>& events,
            absl::Duration lease = absl::Seconds(30)) {
    v1::SubscribeResponse response = Delivery(delivery_id, events, lease);
    workload_.Take(response, start_);
  }

  // The sequence of the next event; 0 when there is none.
  uint64_t Start() {
    std::optional<Task> task = workload_.Start(start_);
    if (!task.has_value()) return 0;
    const uint64_t sequence = task->event.sequence();
    running_.emplace(sequence, *std::move(task));
    return sequence;
  }

  void Finish(uint64_t sequence, const Handled& handled = Handled::Done()) {
    workload_.Finish(running_.at(sequence), handled);
    running_.erase(sequence);
  }

  // Takes what there is to tell, and answers OK to each.
  std::vector<std::string> Tell() {
    const Leases::Batch batch = workload_.TakeBatch(start_);
    v1::AcknowledgeResponse response;
    for (int i = 0; i < batch.request.settlements_size(); ++i) {
      response.add_statuses(v1::SETTLEMENT_STATUS_OK);
    }
    workload_.Answer(batch, response);
    return Summaries(batch.request);
  }

  const SteadyTime start_ = SteadyTime() + std::chrono::hours(1);
  Workload workload_{"billing"};
  std::map<uint64_t, Task> running_;
};

TEST_F(WorkloadTest, StartsEventsOfDifferentEnvelopesAtTheSameTime) {
  Take("d1", {{1, "a"}, {2, "b"}, {3, "c"}});

  EXPECT_EQ(Start(), 1);
  EXPECT_EQ(Start(), 2);
  EXPECT_EQ(Start(), 3);
  EXPECT_EQ(Start(), 0);
  EXPECT_EQ(workload_.running_count(), 3);
}

TEST_F(WorkloadTest, StartsEventsOfAnEnvelopeOneAfterTheOther) {
  Take("d1", {{1, "a"}, {2, "a"}, {3, "b"}});
  Take("d2", {{4, "a"}});

  EXPECT_EQ(Start(), 1);
  EXPECT_EQ(Start(), 3);
  EXPECT_EQ(Start(), 0);
  Finish(1);
  EXPECT_EQ(Start(), 2);
  EXPECT_EQ(Start(), 0);
  Finish(2, Handled::Retry());
  EXPECT_EQ(Start(), 4);
}

TEST_F(WorkloadTest, TellsWhichAttemptItIs) {
  Take("d1", {{1, "a", 3}});
  v1::SubscribeResponse response = Delivery("d2", {{2, "b"}});
  response.mutable_delivery()->clear_attempts();
  workload_.Take(response, start_);

  ASSERT_EQ(Start(), 1);
  ASSERT_EQ(Start(), 2);
  EXPECT_EQ(running_.at(1).attempt, 3);
  EXPECT_EQ(running_.at(2).attempt, 1);
}

TEST_F(WorkloadTest, DoesNotStartWhatItsLeaseIsOverFor) {
  Take("d1", {{1, "a"}, {2, "a"}}, absl::Seconds(10));
  Take("d2", {{3, "a"}}, absl::Seconds(60));

  const std::optional<Task> task = workload_.Start(start_ + seconds(10));

  ASSERT_TRUE(task.has_value());
  EXPECT_EQ(task->event.sequence(), 3);
  EXPECT_FALSE(workload_.Start(start_ + seconds(10)).has_value());
}

TEST_F(WorkloadTest, TellsWhatBecameOfEachEvent) {
  Take("d1", {{1, "a"}, {2, "b"}, {3, "c"}});
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) Start();
  Finish(1);
  Finish(2, Handled::Retry());
  Finish(3, Handled::DeadLetter("broken"));

  EXPECT_THAT(Tell(),
              ElementsAre("d1 DONE 1", "d1 DEAD_LETTER 3", "d1 RETRY 2"));
  EXPECT_TRUE(workload_.empty());
  EXPECT_EQ(workload_.counts().done, 1);
  EXPECT_EQ(workload_.counts().retried, 1);
  EXPECT_EQ(workload_.counts().dead_lettered, 1);
}

TEST_F(WorkloadTest, ReleasesWhatWasNotStarted) {
  Take("d1", {{1, "a"}, {2, "a"}, {3, "b"}});
  ASSERT_EQ(Start(), 1);

  workload_.ReleaseWaiting();

  EXPECT_THAT(Tell(), ElementsAre("d1 RELEASE 2 3"));
  EXPECT_EQ(Start(), 0);
  Finish(1);
  EXPECT_EQ(Start(), 0);
  EXPECT_THAT(Tell(), ElementsAre("d1 DONE 1"));
  EXPECT_TRUE(workload_.empty());
  EXPECT_EQ(workload_.counts().released, 2);
}

TEST_F(WorkloadTest, DropsWhatWasNotStartedInSilence) {
  Take("d1", {{1, "a"}, {2, "a"}, {3, "b"}});
  ASSERT_EQ(Start(), 1);

  workload_.DropWaiting();

  EXPECT_THAT(Tell(), IsEmpty());
  EXPECT_EQ(Start(), 0);
  Finish(1);
  EXPECT_THAT(Tell(), ElementsAre("d1 DONE 1"));
  EXPECT_TRUE(workload_.empty());
}

TEST_F(WorkloadTest, GivesARedeliveryTheResultOfTheHandlerThatRuns) {
  Take("d1", {{1, "a"}, {2, "a"}});
  ASSERT_EQ(Start(), 1);
  workload_.DropWaiting();
  Take("d2", {{1, "a", 2}, {2, "a", 2}});
  EXPECT_EQ(Start(), 0);

  Finish(1);

  EXPECT_EQ(Start(), 2);
  EXPECT_THAT(Tell(), ElementsAre("d1 DONE 1", "d2 DONE 1"));
  EXPECT_EQ(workload_.counts().done, 1);
}

TEST_F(WorkloadTest, GivesARedeliveryAFailureOfTheHandlerThatRuns) {
  Take("d1", {{1, "a"}});
  ASSERT_EQ(Start(), 1);
  Take("d2", {{1, "a", 2}});

  Finish(1, Handled::Retry());

  EXPECT_EQ(Start(), 0);
  EXPECT_THAT(Tell(), ElementsAre("d1 RETRY 1", "d2 RETRY 1"));
  EXPECT_TRUE(workload_.empty());
}

TEST_F(WorkloadTest, SettlesARedeliveryOfWhatIsDoneAndNotToldYet) {
  Take("d1", {{1, "a"}});
  ASSERT_EQ(Start(), 1);
  Finish(1);
  const Leases::Batch lost = workload_.TakeBatch(start_);

  Take("d2", {{1, "a", 2}});

  EXPECT_EQ(Start(), 0);
  workload_.GiveBack(lost, start_);
  EXPECT_THAT(Tell(), ElementsAre("d1 DONE", "d2 DONE"));
  EXPECT_TRUE(workload_.empty());
}

TEST_F(WorkloadTest, HandlesAnEventAgainWhenItsRetryComes) {
  Take("d1", {{1, "a"}});
  ASSERT_EQ(Start(), 1);
  Finish(1, Handled::Retry());
  Tell();

  Take("d2", {{1, "a", 2}});

  EXPECT_EQ(Start(), 1);
  EXPECT_EQ(running_.at(1).attempt, 2);
}

TEST_F(WorkloadTest, CountsEventsThatCameLate) {
  Take("d1", {{1, "a"}, {2, "b"}});
  Take("d2", {{3, "c"}});
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    ASSERT_EQ(Start(), sequence);
    Finish(sequence);
  }
  v1::AcknowledgeResponse response;
  response.add_statuses(v1::SETTLEMENT_STATUS_LATE);
  response.add_statuses(v1::SETTLEMENT_STATUS_LEASE_LOST);

  workload_.Answer(workload_.TakeBatch(start_), response);

  EXPECT_EQ(workload_.counts().late, 2);
  EXPECT_EQ(workload_.counts().lease_lost, 1);
}

// A subscription whose workers break and come back at any moment: every event
// is handled, in the order of its envelope, one at a time.
class RandomWorkload {
 public:
  explicit RandomWorkload(uint32_t seed) : random_(seed) {
    for (uint64_t sequence = 1; sequence <= kEvents; ++sequence) {
      left_.insert(sequence);
    }
    Deliver();
  }

  void Step() {
    switch (random_() % 8) {
      case 0:
        if (random_() % 4 == 0) Reconnect();
        break;
      case 1:
      case 2:
        if (!running_.empty()) Finish();
        break;
      case 3:
        Tell(/*lost=*/random_() % 4 == 0);
        break;
      default:
        if (auto task = workload_.Start(now_)) {
          const std::string& envelope = task->event.envelope_id();
          EXPECT_TRUE(busy_.insert(envelope).second) << "two at once";
          EXPECT_TRUE(left_.contains(task->event.sequence()));
          EXPECT_GT(task->event.sequence(), last_[envelope]) << "out of order";
          running_.push_back(*std::move(task));
        }
    }
  }

  bool over() const { return left_.empty() && workload_.empty(); }

 private:
  static constexpr uint64_t kEvents = 60;
  static constexpr uint64_t kEnvelopes = 7;

  void Deliver() {
    std::vector<DeliveredEvent> events;
    for (const uint64_t sequence : left_) {
      events.push_back({.sequence = sequence,
                        .envelope_id = std::to_string(sequence % kEnvelopes)});
    }
    v1::SubscribeResponse response =
        Delivery("d" + std::to_string(++deliveries_), events);
    workload_.Take(response, now_);
  }

  void Reconnect() {
    workload_.DropWaiting();
    Deliver();
  }

  void Finish() {
    const size_t index = random_() % running_.size();
    const Task task = std::move(running_[index]);
    running_.erase(running_.begin() + static_cast<ptrdiff_t>(index));
    workload_.Finish(task, Handled::Done());
    busy_.erase(task.event.envelope_id());
    last_[task.event.envelope_id()] = task.event.sequence();
  }

  // `lost`: the relay does not hear of it.
  void Tell(bool lost) {
    const Leases::Batch batch = workload_.TakeBatch(now_);
    if (lost) {
      workload_.GiveBack(batch, now_);
      return;
    }
    for (const Leases::Batch::Entry& entry : batch.entries) {
      for (const uint64_t sequence : entry.sequences) left_.erase(sequence);
    }
    v1::AcknowledgeResponse response;
    for (size_t i = 0; i < batch.entries.size(); ++i) {
      response.add_statuses(v1::SETTLEMENT_STATUS_OK);
    }
    workload_.Answer(batch, response);
  }

  std::mt19937 random_;
  const SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
  Workload workload_{"billing"};
  int deliveries_ = 0;
  std::set<uint64_t> left_;  // what the relay takes for unsettled
  std::vector<Task> running_;
  std::set<std::string> busy_;
  std::map<std::string, uint64_t> last_;
};

TEST(RandomWorkloadTest, HandlesEachEventOnceAndInOrderWhateverBreaks) {
  std::random_device device;
  for (int round = 0; round < 50; ++round) {
    const uint32_t seed = device();
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomWorkload workload(seed);

    int steps = 0;
    while (!workload.over() && steps < 100'000) {
      workload.Step();
      steps += 1;
    }

    EXPECT_TRUE(workload.over()) << "stuck";
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace enveloperelay::client
