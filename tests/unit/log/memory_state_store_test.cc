#include "tests/support/memory_state_store.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/state_store.h"
#include "tests/support/state_store_contract.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr StateTable kTable = StateTable::kSubscriptions;

class MemoryStateUnderTest final : public StateStoreUnderTest {
 public:
  StateStore& store() override { return store_; }

 private:
  MemoryStateStore store_;
};

std::unique_ptr<StateStoreUnderTest> MakeMemoryStateUnderTest() {
  return std::make_unique<MemoryStateUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Memory, StateStoreContract,
                         ::testing::Values(&MakeMemoryStateUnderTest));

// Sets `key` to itself; the answer is added to `answers`.
void Write(MemoryStateStore& store, const std::string& key,
           std::vector<std::string>& answers) {
  store.Write(
      {SetKey(kTable, key, key)}, [&answers, key](const absl::Status& status) {
        answers.push_back(
            absl::StrCat(key, " ", absl::StatusCodeToString(status.code())));
      });
}

TEST(MemoryStateStoreTest, CompletesHeldWritesInOrder) {
  MemoryStateStore store;
  std::vector<std::string> answers;
  store.HoldWrites();
  for (const char* key : {"b", "a"}) Write(store, key, answers);
  EXPECT_EQ(store.held_writes(), 2);
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(store.entry_count(kTable), 0);
  store.ReleaseWrites();
  EXPECT_THAT(answers, ElementsAre("b OK", "a OK"));
  EXPECT_THAT(AllState(store, kTable),
              ElementsAre(Pair("a", "a"), Pair("b", "b")));
  Write(store, "c", answers);
  EXPECT_EQ(answers.back(), "c OK");
}

TEST(MemoryStateStoreTest, FailsWritesThatAreHeldAndThoseThatCome) {
  MemoryStateStore store;
  std::vector<std::string> answers;
  store.HoldWrites();
  Write(store, "a", answers);
  store.FailWrites(absl::UnavailableError("lost"));
  Write(store, "b", answers);
  store.FailWrites(absl::OkStatus());
  Write(store, "c", answers);
  EXPECT_THAT(answers, ElementsAre("a UNAVAILABLE", "b UNAVAILABLE", "c OK"));
  EXPECT_THAT(AllState(store, kTable), ElementsAre(Pair("c", "c")));
}

TEST(MemoryStateStoreTest, ACrashLosesWhatIsHeldAndAnswersNothing) {
  MemoryStateStore store;
  std::vector<std::string> answers;
  Write(store, "durable", answers);
  store.HoldWrites();
  const auto held_by_done = std::make_shared<int>(1);
  store.Write({SetKey(kTable, "lost", "")},
              [held_by_done](const absl::Status&) { FAIL(); });
  store.Crash();
  EXPECT_EQ(held_by_done.use_count(), 1);
  EXPECT_EQ(store.held_writes(), 0);
  EXPECT_THAT(AllState(store, kTable), ElementsAre(Pair("durable", "durable")));
  Write(store, "next", answers);
  EXPECT_THAT(answers, ElementsAre("durable OK", "next OK"));
}

TEST(MemoryStateStoreTest, ACrashMayComeBetweenAWriteAndItsAnswer) {
  MemoryStateStore store;
  std::vector<std::string> answers;
  store.HoldWrites();
  for (const char* key : {"a", "b", "c"}) Write(store, key, answers);
  store.Crash(/*written=*/2);
  EXPECT_TRUE(answers.empty());
  EXPECT_THAT(AllState(store, kTable),
              ElementsAre(Pair("a", "a"), Pair("b", "b")));
}

TEST(MemoryStateStoreTest, IsAsAfterAStartWhenItHasCrashed) {
  MemoryStateStore store;
  store.FailWrites(absl::UnavailableError("lost"));
  store.SetReadError(absl::DataLossError("damaged"));
  store.Crash();
  EXPECT_TRUE(WriteAndWait(store, {SetKey(kTable, "key", "value")}).ok());
  EXPECT_EQ(store.Get(kTable, "key").value(), "value");
}

TEST(MemoryStateStoreTest, ReadsFailWhileATestSaysSo) {
  MemoryStateStore store;
  store.SetReadError(absl::DataLossError("damaged"));
  EXPECT_EQ(store.Get(kTable, "key").status().code(),
            absl::StatusCode::kDataLoss);
  const auto all = [](std::string_view, std::string_view) { return true; };
  EXPECT_EQ(store.Scan(kTable, "", "z", all).code(),
            absl::StatusCode::kDataLoss);
  store.SetReadError(absl::OkStatus());
  EXPECT_TRUE(store.Scan(kTable, "", "z", all).ok());
}

TEST(MemoryStateStoreTest, SaysHowMuchATableHolds) {
  MemoryStateStore store;
  ASSERT_TRUE(WriteAndWait(store, {SetKey(kTable, "key", "value"),
                                   SetKey(kTable, "k", "")})
                  .ok());
  EXPECT_EQ(store.entry_count(kTable), 2);
  EXPECT_EQ(store.entry_bytes(kTable), 9);
  EXPECT_EQ(store.entry_count(StateTable::kDeadLetters), 0);
  EXPECT_EQ(store.entry_bytes(StateTable::kDeadLetters), 0);
}

}  // namespace
}  // namespace enveloperelay::testing
