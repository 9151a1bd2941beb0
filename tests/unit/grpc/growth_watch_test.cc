#include "server/grpc/growth_watch.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"

namespace enveloperelay {
namespace {

struct CountingWaiter final : GrowthWatch::Waiter {
  void OnGrowth() override { ++wakes; }
  int wakes = 0;
};

class GrowthWatchTest : public ::testing::Test {
 protected:
  // Runs what was handed over; returns how much that was.
  int RunJobs() {
    int count = 0;
    for (; !jobs_.empty(); ++count) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      std::move(job)();
    }
    return count;
  }

  Tail tail_;
  std::deque<absl::AnyInvocable<void() &&>> jobs_;
  GrowthWatch watch_{tail_, [this](absl::AnyInvocable<void()&&> job) {
                       jobs_.push_back(std::move(job));
                     }};
  std::shared_ptr<CountingWaiter> a_ = std::make_shared<CountingWaiter>();
  std::shared_ptr<CountingWaiter> b_ = std::make_shared<CountingWaiter>();
};

TEST_F(GrowthWatchTest, WakesEachWaiterOnceWithOneJob) {
  watch_.Wait(a_, Sequence{0});
  watch_.Wait(b_, Sequence{0});
  EXPECT_EQ(RunJobs(), 0);
  tail_.Advance(Sequence{1});
  tail_.Advance(Sequence{2});
  EXPECT_EQ(a_->wakes, 0);  // not on the thread that commits
  EXPECT_EQ(RunJobs(), 1);
  EXPECT_EQ(a_->wakes, 1);
  EXPECT_EQ(b_->wakes, 1);
  tail_.Advance(Sequence{3});
  EXPECT_EQ(RunJobs(), 0);
}

TEST_F(GrowthWatchTest, WakesAtOnceWhenTheLogHasGrownAlready) {
  tail_.Advance(Sequence{5});
  watch_.Wait(a_, Sequence{4});
  EXPECT_EQ(RunJobs(), 1);
  EXPECT_EQ(a_->wakes, 1);
}

TEST_F(GrowthWatchTest, WakesWhoIsFurtherThanTheTailKnows) {
  // A reader may see an event before the tail announces it.
  watch_.Wait(a_, Sequence{1});
  tail_.Advance(Sequence{1});
  RunJobs();
  watch_.Wait(a_, Sequence{1});
  tail_.Advance(Sequence{2});
  RunJobs();
  EXPECT_EQ(a_->wakes, 2);
}

TEST_F(GrowthWatchTest, WakesWhoeverWaitsAgain) {
  for (uint64_t i = 0; i < 10; ++i) {
    watch_.Wait(a_, Sequence{i});
    if (i % 2 == 0) watch_.Wait(b_, Sequence{i});
    tail_.Advance(Sequence{i + 1});
    RunJobs();
  }
  EXPECT_EQ(a_->wakes, 10);
  EXPECT_EQ(b_->wakes, 5);
}

TEST_F(GrowthWatchTest, WakesWhoComesBetweenTheAnnouncementAndTheJob) {
  watch_.Wait(a_, Sequence{0});
  tail_.Advance(Sequence{1});
  watch_.Wait(b_, Sequence{1});
  RunJobs();
  watch_.Wait(b_, Sequence{1});  // it was woken too early
  tail_.Advance(Sequence{2});
  RunJobs();
  EXPECT_EQ(b_->wakes, 2);
}

TEST_F(GrowthWatchTest, KeepsNothingForAWaiterThatHasLeft) {
  const std::weak_ptr<CountingWaiter> alive = a_;
  watch_.Wait(a_, Sequence{0});
  watch_.Forget(a_);
  a_.reset();
  EXPECT_TRUE(alive.expired());
  tail_.Advance(Sequence{1});
  RunJobs();
}

TEST_F(GrowthWatchTest, HandsNothingOverOnceClosed) {
  const std::weak_ptr<CountingWaiter> alive = a_;
  watch_.Wait(a_, Sequence{0});
  watch_.Close();
  tail_.Advance(Sequence{1});
  watch_.Wait(b_, Sequence{0});
  EXPECT_EQ(RunJobs(), 0);
  a_.reset();
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace enveloperelay
