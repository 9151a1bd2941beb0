#include "tests/support/memory_event_log.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"
#include "tests/support/event_log_contract.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {
namespace {

class MemoryLogUnderTest final : public EventLogUnderTest {
 public:
  EventLog& log() override { return log_; }
  void Expire(absl::Time time) override {
    log_.SetEarliest(log_.FindTime(time).value().Next());
  }

 private:
  MemoryEventLog log_;
};

std::unique_ptr<EventLogUnderTest> MakeMemoryLogUnderTest() {
  return std::make_unique<MemoryLogUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Memory, EventLogContract,
                         ::testing::Values(&MakeMemoryLogUnderTest));

TEST(MemoryEventLogTest, CompletesHeldAppendsAsOneCommit) {
  MemoryEventLog log;
  log.HoldAppends();
  std::vector<uint64_t> done;
  for (const char* id : {"a", "b", "a"}) {
    log.Append(MakeEvent({.event_id = id}),
               [&done](const absl::StatusOr<Appended>& appended) {
                 done.push_back(appended->sequence.value);
               });
  }
  EXPECT_EQ(log.held_appends(), 3);
  EXPECT_TRUE(done.empty());
  EXPECT_TRUE(log.Bounds().empty());
  log.ReleaseAppends();
  EXPECT_THAT(done, ::testing::ElementsAre(1, 2, 1));
  EXPECT_EQ(log.ReadRecent({}, kNoLimits)->spans.size(), 1);
}

TEST(MemoryEventLogTest, FailsHeldAppends) {
  MemoryEventLog log;
  log.HoldAppends();
  absl::Status answer;
  log.Append(MakeEvent({.event_id = "a"}),
             [&answer](const absl::StatusOr<Appended>& appended) {
               answer = appended.status();
             });
  log.FailAppends(absl::UnavailableError("lost"));
  EXPECT_EQ(answer.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(log.Bounds().empty());
}

TEST(MemoryEventLogTest, AnAppendMayFollowFromAnAnswer) {
  MemoryEventLog log;
  uint64_t second = 0;
  log.Append(MakeEvent({.event_id = "a"}),
             [&](const absl::StatusOr<Appended>&) {
               log.Append(MakeEvent({.event_id = "b"}),
                          [&](const absl::StatusOr<Appended>& appended) {
                            second = appended->sequence.value;
                          });
             });
  EXPECT_EQ(second, 2);
}

TEST(MemoryEventLogTest, RefusesAppendsWhileItIsNotHealthy) {
  MemoryEventLog log;
  log.SetHealth(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(AppendAndWait(log, MakeEvent({.event_id = "a"})).status().code(),
            absl::StatusCode::kResourceExhausted);
  log.SetHealth(absl::OkStatus());
  EXPECT_TRUE(AppendAndWait(log, MakeEvent({.event_id = "a"})).ok());
}

TEST(MemoryEventLogTest, ReadsUpToADamagedRecordAndThenNamesIt) {
  MemoryEventLog log;
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(AppendAndWait(log, MakeEvent({.event_id = id})).ok());
  }
  log.Damage(Sequence{2});
  EXPECT_EQ(log.ReadRecent({}, kNoLimits), std::nullopt);
  EXPECT_EQ(log.Read({}, kNoLimits)->end, Sequence{1});
  const absl::Status error = log.Read(Sequence{1}, kNoLimits).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CorruptSequence(error), Sequence{2});
  EXPECT_EQ(CorruptSequence(log.Get(Sequence{2}).status()), Sequence{2});
  EXPECT_EQ(log.Read(Sequence{2}, kNoLimits)->end, Sequence{3});
}

TEST(MemoryEventLogTest, ServesWhatIsForgottenFromTheStore) {
  MemoryEventLog log;
  ASSERT_TRUE(AppendAndWait(log, MakeEvent({.event_id = "a"})).ok());
  log.ForgetRecent();
  EXPECT_EQ(log.ReadRecent({}, kNoLimits), std::nullopt);
  EXPECT_TRUE(log.ReadRecent(Sequence{1}, kNoLimits).has_value());
  EXPECT_EQ(log.Read({}, kNoLimits)->end, Sequence{1});
}

}  // namespace
}  // namespace enveloperelay::testing
