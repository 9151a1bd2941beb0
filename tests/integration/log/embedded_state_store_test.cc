#include "server/log/embedded_state_store.h"

#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/data_dir.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "tests/integration/log/test_log.h"
#include "tests/support/append.h"
#include "tests/support/state_store_contract.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr StateTable kTable = StateTable::kSubscriptions;
constexpr StateTable kOther = StateTable::kDeadLetters;
constexpr char kSyncs[] = "envelope_relay_log_commit_duration_seconds";

class EmbeddedStateUnderTest final : public StateStoreUnderTest {
 public:
  StateStore& store() override { return log_->state(); }

 private:
  TestLog log_;
};

std::unique_ptr<StateStoreUnderTest> MakeEmbeddedStateUnderTest() {
  return std::make_unique<EmbeddedStateUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Embedded, StateStoreContract,
                         ::testing::Values(&MakeEmbeddedStateUnderTest));

TEST(EmbeddedStateStoreTest, IsTheSameAfterARestart) {
  TestLog log;
  ASSERT_TRUE(WriteAndWait(log->state(),
                           {SetKey(kTable, "a", "1"), SetKey(kTable, "b", "1"),
                            SetKey(kTable, "c", "1"), SetKey(kOther, "a", "2")})
                  .ok());
  ASSERT_TRUE(WriteAndWait(log->state(), {RemoveRange(kTable, "b", "c")}).ok());
  for (int restart = 0; restart < 2; ++restart) {
    log.Open();
    EXPECT_THAT(AllState(log->state(), kTable),
                ElementsAre(Pair("a", "1"), Pair("c", "1")));
    EXPECT_THAT(AllState(log->state(), kOther), ElementsAre(Pair("a", "2")));
  }
}

TEST(EmbeddedStateStoreTest, SharesASyncWithTheAppendsThatCameMeanwhile) {
  constexpr int kEach = 100;
  TestLog log;
  std::latch answered(2 * kEach);
  {
    const Hold hold(*log);
    for (int i = 0; i < kEach; ++i) {
      log->Append(MakeEvent({.event_id = absl::StrCat("event-", i)}),
                  [&answered](const absl::StatusOr<Appended>& appended) {
                    EXPECT_TRUE(appended.ok()) << appended.status();
                    answered.count_down();
                  });
      log->state().Write({SetKey(kTable, absl::StrCat(i), "value")},
                         [&answered](const absl::Status& status) {
                           EXPECT_TRUE(status.ok()) << status;
                           answered.count_down();
                         });
    }
  }
  answered.wait();
  EXPECT_EQ(MetricValue(log.registry(), kSyncs), 2);
  EXPECT_EQ(
      MetricValue(log.registry(), "envelope_relay_log_state_writes_total"),
      kEach);
  EXPECT_EQ(log.ReadAll({}).size(), kEach + 1);
  EXPECT_EQ(AllState(log->state(), kTable).size(), kEach);
}

TEST(EmbeddedStateStoreTest, AWriteAloneIsACommitWithoutEvents) {
  TestLog log;
  ASSERT_TRUE(WriteAndWait(log->state(), {SetKey(kTable, "a", "1")}).ok());
  EXPECT_EQ(MetricValue(log.registry(), kSyncs), 1);
  EXPECT_EQ(MetricValue(log.registry(), "envelope_relay_log_commit_events"), 0);
  EXPECT_TRUE(log->Bounds().empty());
  EXPECT_EQ(log.Append(1), Sequence{1});
}

TEST(EmbeddedStateStoreTest, IsWrittenBesideADuplicate) {
  TestLog log;
  log.Append(1);
  std::latch answered(1);
  {
    const Hold hold(*log);
    log->Append(MakeEvent({.event_id = "event-1"}),
                [](const absl::StatusOr<Appended>& appended) {
                  EXPECT_TRUE(appended.ok() && appended->duplicate);
                });
    log->state().Write({SetKey(kTable, "a", "1")},
                       [&answered](const absl::Status& status) {
                         EXPECT_TRUE(status.ok()) << status;
                         answered.count_down();
                       });
  }
  answered.wait();
  log.Open();
  EXPECT_EQ(log->state().Get(kTable, "a").value(), "1");
}

TEST(EmbeddedStateStoreTest, TakesWritesWhenAppendsAreRefused) {
  EmbeddedLogOptions options;
  options.disk_reserve_bytes = 500;
  options.disk_space = [](const std::string&) {
    return absl::StatusOr<DiskSpace>({.free_bytes = 499});
  };
  TestLog log(std::move(options));
  ASSERT_EQ(AppendAndWait(*log, MakeEvent({.event_id = "x"})).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(WriteAndWait(log->state(), {SetKey(kTable, "a", "1")}).ok());
}

TEST(EmbeddedStateStoreTest, AnswersWhatItHasTakenBeforeItIsClosed) {
  TestLog log;
  int written = 0;
  for (int i = 0; i < 200; ++i) {
    log->state().Write({SetKey(kTable, absl::StrCat(i), "value")},
                       [&written](const absl::Status& status) {
                         if (status.ok()) ++written;
                       });
  }
  log->Close();
  EXPECT_EQ(written, 200);
  EXPECT_EQ(WriteAndWait(log->state(), {SetKey(kTable, "late", "")}).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(AllState(log->state(), kTable).size(), 200);
  log.Open();
  EXPECT_EQ(AllState(log->state(), kTable).size(), 200);
}

TEST(EmbeddedStateStoreTest, KeepsTheOrderOfEachOfSeveralThreads) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 500;
  TestLog log;
  std::latch answered(kThreads * kWrites);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, &answered, t] {
      for (int i = 0; i < kWrites; ++i) {
        log->state().Write(
            {SetKey(kTable, absl::StrCat(t), absl::StrCat(i))},
            [&answered](const absl::Status&) { answered.count_down(); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  answered.wait();
  const std::string last = absl::StrCat(kWrites - 1);
  EXPECT_THAT(AllState(log->state(), kTable),
              ElementsAre(Pair("0", last), Pair("1", last), Pair("2", last),
                          Pair("3", last)));
}

// State fills the smallest cache that may be, with all that is rewritten and
// removed again.
TEST(EmbeddedStateStoreTest, HoldsOutUnderTheSmallestCache) {
  EmbeddedLogOptions options;
  options.cache_bytes = size_t{8} << 20;
  TestLog log(std::move(options));
  std::latch answered(20'000);
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = absl::StrCat(100'000 + i);
    log->state().Write({SetKey(kTable, "position", key),
                        SetKey(kTable, key, TestLog::Noise(i, 1000)),
                        RemoveKey(kTable, absl::StrCat(99'990 + i))},
                       [&answered](const absl::Status& status) {
                         EXPECT_TRUE(status.ok()) << status;
                         answered.count_down();
                       });
  }
  answered.wait();
  EXPECT_EQ(AllState(log->state(), kTable).size(), 11);
  EXPECT_EQ(log->state().Get(kTable, "position").value(), "119999");
}

}  // namespace
}  // namespace enveloperelay::testing
