#include "server/subscriptions/dead_letters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/subscriptions/state.h"
#include "tests/support/memory_state_store.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MemoryStateStore;

class DeadLettersTest : public ::testing::Test {
 protected:
  void Put(uint64_t sequence, const std::string& event) {
    internal::StoredDeadLetter letter;
    letter.set_event(event);
    letters_.Put(Sequence{sequence}, std::move(letter));
  }
  // Hands the changes to the store.
  void Write() {
    std::vector<StateChange> changes;
    letters_.TakeChanges(changes);
    store_.Write(std::move(changes), [](const absl::Status&) {});
  }
  // What is found, as text.
  std::string Get(uint64_t sequence) {
    const auto letter = letters_.Get(Sequence{sequence});
    if (absl::IsNotFound(letter.status())) return "none";
    RELAY_CHECK(letter.ok());
    return letter->event();
  }
  std::vector<std::string> All(uint64_t after = 0, size_t max = SIZE_MAX) {
    std::vector<std::string> all;
    RELAY_CHECK(letters_
                    .ForEach(Sequence{after},
                             [&](Sequence sequence,
                                 const internal::StoredDeadLetter& letter) {
                               all.push_back(std::to_string(sequence.value) +
                                             letter.event());
                               return all.size() < max;
                             })
                    .ok());
    return all;
  }

  MemoryStateStore store_;
  DeadLetters letters_{store_, "orders"};
};

TEST_F(DeadLettersTest, IsFoundBeforeWhileAndAfterItIsWritten) {
  Put(5, "a");
  EXPECT_EQ(Get(5), "a");
  store_.HoldWrites();
  Write();
  EXPECT_EQ(Get(5), "a");
  EXPECT_THAT(All(), ElementsAre("5a"));
  store_.ReleaseWrites();
  letters_.OnDurable();
  EXPECT_EQ(Get(5), "a");
  EXPECT_THAT(All(), ElementsAre("5a"));
  EXPECT_EQ(Get(6), "none");
}

TEST_F(DeadLettersTest, TheNewestChangeCounts) {
  Put(5, "old");
  Write();
  letters_.OnDurable();
  store_.HoldWrites();
  Put(5, "new");
  Write();
  EXPECT_EQ(Get(5), "new");
  letters_.Remove(Sequence{5});
  EXPECT_EQ(Get(5), "none");
  EXPECT_THAT(All(), IsEmpty());
  store_.ReleaseWrites();
  letters_.OnDurable();
  EXPECT_EQ(Get(5), "none");
}

TEST_F(DeadLettersTest, AreWalkedOverInOrderWhereverTheyAre) {
  Put(2, "b");
  Put(4, "d");
  Put(6, "f");
  Write();
  letters_.OnDurable();
  store_.HoldWrites();
  Put(3, "c");
  Put(7, "g");
  Write();
  Put(1, "a");
  Put(4, "D");
  letters_.Remove(Sequence{6});
  EXPECT_THAT(All(), ElementsAre("1a", "2b", "3c", "4D", "7g"));
  EXPECT_THAT(All(/*after=*/2), ElementsAre("3c", "4D", "7g"));
  for (size_t max = 1; max < 5; ++max) EXPECT_EQ(All(0, max).size(), max);
}

TEST_F(DeadLettersTest, OfOneThatWasPutBackOnlyTheCopyIsLeft) {
  Put(1, "a");
  Put(2, "b");
  Write();
  letters_.OnDurable();
  Put(3, "c");
  letters_.PutBack(Sequence{1});
  letters_.PutBack(Sequence{3});
  EXPECT_THAT(All(), ElementsAre("2b"));
  EXPECT_EQ(Get(1), "a");
  EXPECT_EQ(Get(3), "c");
  EXPECT_EQ(letters_.TakeBackAll(), 2);
  EXPECT_THAT(All(), ElementsAre("1a", "2b", "3c"));
  letters_.PutBack(Sequence{1});
  letters_.Remove(Sequence{1});
  EXPECT_EQ(letters_.TakeBackAll(), 0);
}

TEST_F(DeadLettersTest, ThereIsRoomForSoManyBytesThatAreNotDurable) {
  Put(1, std::string(DeadLetters::kUnwrittenBytesMax - 1, 'a'));
  EXPECT_TRUE(letters_.HasRoom());
  Put(2, "b");
  EXPECT_FALSE(letters_.HasRoom());
  Write();
  EXPECT_FALSE(letters_.HasRoom());
  letters_.OnDurable();
  EXPECT_TRUE(letters_.HasRoom());
}

TEST_F(DeadLettersTest, ThoseOfOthersAreNotFound) {
  DeadLetters others(store_, "orders-2");
  others.Put(Sequence{1}, {});
  std::vector<StateChange> changes;
  others.TakeChanges(changes);
  store_.Write(std::move(changes), [](const absl::Status&) {});
  EXPECT_EQ(Get(1), "none");
  EXPECT_THAT(All(), IsEmpty());
}

TEST_F(DeadLettersTest, OneThatCannotBeReadIsDataLoss) {
  store_.Write({PutState(StateTable::kDeadLetters,
                         DeadLetterKey("orders", Sequence{1}), "\xff")},
               [](const absl::Status&) {});
  EXPECT_TRUE(absl::IsDataLoss(letters_.Get(Sequence{1}).status()));
  EXPECT_TRUE(absl::IsDataLoss(letters_.ForEach(
      {}, [](Sequence, const internal::StoredDeadLetter&) { return true; })));
}

}  // namespace
}  // namespace enveloperelay
