#include "server/log/tail.h"

#include "gtest/gtest.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

TEST(TailTest, WakesAtOnceWhenTheLogIsAlreadyPast) {
  Tail tail;
  tail.Advance(Sequence{3});
  bool woken = false;
  EXPECT_EQ(tail.NotifyPast(Sequence{2}, [&] { woken = true; }), 0);
  EXPECT_TRUE(woken);
}

TEST(TailTest, WakesEachWaiterOnceWhenTheLogGrows) {
  Tail tail;
  int wakes = 0;
  tail.NotifyPast(Sequence{}, [&] { ++wakes; });
  EXPECT_EQ(wakes, 0);
  tail.Advance(Sequence{1});
  tail.Advance(Sequence{2});
  EXPECT_EQ(wakes, 1);
}

TEST(TailTest, AWaiterMayWaitAgainFromItsOwnWake) {
  Tail tail;
  int wakes = 0;
  tail.NotifyPast(Sequence{}, [&] {
    ++wakes;
    tail.NotifyPast(tail.end(), [&] { ++wakes; });
  });
  tail.Advance(Sequence{1});
  tail.Advance(Sequence{2});
  EXPECT_EQ(wakes, 2);
}

TEST(TailTest, ACancelledWaitIsNeverWoken) {
  Tail tail;
  bool woken = false;
  const Tail::WaitId id = tail.NotifyPast(Sequence{}, [&] { woken = true; });
  EXPECT_TRUE(tail.Cancel(id));
  EXPECT_FALSE(tail.Cancel(id));
  tail.Advance(Sequence{1});
  EXPECT_FALSE(woken);
}

}  // namespace
}  // namespace enveloperelay
