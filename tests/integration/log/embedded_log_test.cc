#include "server/log/embedded_log.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <latch>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/data_dir.h"
#include "server/log/event_log.h"
#include "server/log/read_ahead.h"
#include "server/log/sequence.h"
#include "server/log/store_options.h"
#include "tests/integration/log/test_log.h"
#include "tests/support/append.h"
#include "tests/support/child_process.h"
#include "tests/support/event_log_contract.h"
#include "tests/support/eventually.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

constexpr absl::Duration kAge = absl::Hours(1000);

EmbeddedLogOptions WithAge(absl::Duration age) {
  EmbeddedLogOptions options;
  options.retention_age = age;
  return options;
}

class EmbeddedLogUnderTest final : public EventLogUnderTest {
 public:
  EventLog& log() override { return *log_; }
  void Expire(absl::Time time) override {
    log_.clock().Advance(time + kAge - log_.clock().Now());
    log_->Maintain();
  }

 private:
  TestLog log_ = TestLog(WithAge(kAge));
};

std::unique_ptr<EventLogUnderTest> MakeEmbeddedLogUnderTest() {
  return std::make_unique<EmbeddedLogUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Embedded, EventLogContract,
                         ::testing::Values(&MakeEmbeddedLogUnderTest));

TEST(EmbeddedLogTest, IsTheSameAfterARestart) {
  TestLog log;
  log.Fill(1, 100);
  const LogBounds before = log->Bounds();
  log.Open();
  const LogBounds after = log->Bounds();
  EXPECT_EQ(after.log_id, before.log_id);
  EXPECT_EQ(after.earliest, Sequence{1});
  EXPECT_EQ(after.latest, Sequence{100});
  EXPECT_EQ(after.earliest_time, before.earliest_time);
  EXPECT_EQ(after.latest_time, before.latest_time);
  EXPECT_EQ(log->tail().end(), Sequence{100});
  EXPECT_EQ(log.ReadAll({}).size(), 100);
  EXPECT_EQ(log.Append(101), Sequence{101});
}

TEST(EmbeddedLogTest, EachLogHasAnIdentityOfItsOwn) {
  TestLog one;
  TestLog other;
  EXPECT_NE(one->Bounds().log_id, other->Bounds().log_id);
}

TEST(EmbeddedLogTest, KnowsADuplicateAcrossARestart) {
  TestLog log;
  log.Fill(1, 10);
  log.Open();
  const absl::StatusOr<Appended> again =
      AppendAndWait(*log, MakeEvent({.event_id = "event-7"}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->sequence, log->FindEventId("event-7").value());
  EXPECT_EQ(MetricValue(log.registry(), "envelope_relay_log_duplicates_total"),
            1);
}

TEST(EmbeddedLogTest, MovesReceiveTimesForwardAcrossARestart) {
  TestLog log;
  log.Append(50);
  log.Open();
  log.Append(20);
  EXPECT_EQ(log->Bounds().latest_time, kStart + absl::Seconds(50));
}

TEST(EmbeddedLogTest, ServesFromTheStoreWhatMemoryHasLost) {
  EmbeddedLogOptions options;
  options.recent_bytes_max = 4096;
  TestLog log(std::move(options));
  for (int i = 1; i <= 50; ++i) log.Append(i, 1000);
  EXPECT_EQ(log->ReadRecent({}, kNoLimits), std::nullopt);
  EXPECT_TRUE(log->ReadRecent(Sequence{49}, kNoLimits).has_value());
  EXPECT_EQ(log.ReadAll({}).size(), 50);
}

TEST(EmbeddedLogTest, ReadsARecordLargerThanAnyBlock) {
  TestLog log;
  log.Append(1, size_t{3} << 20);
  log.Append(2);
  log.Open();
  const absl::StatusOr<LogRange> range = log->Read({}, kNoLimits);
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(Events(*range).at(0).payload(), TestLog::Noise(1, size_t{3} << 20));
}

// What appends from several threads were answered.
class Answers {
 public:
  void Add(const std::string& event_id, const Appended& appended) {
    const MutexLock lock(mutex_);
    sequences_[event_id].insert(appended.sequence.value);
    if (!appended.duplicate) ++stored_;
  }
  std::map<std::string, std::set<uint64_t>> sequences() const {
    const MutexLock lock(mutex_);
    return sequences_;
  }
  int stored() const {
    const MutexLock lock(mutex_);
    return stored_;
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::set<uint64_t>> sequences_ ABSL_GUARDED_BY(mutex_);
  int stored_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(EmbeddedLogTest, StoresAnEventOnceHoweverManyAppendItAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEvents = 500;
  TestLog log;
  Answers answers;
  std::latch answered(kThreads * kEvents);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEvents; ++i) {
        const std::string id = absl::StrCat("event-", i);
        log->Append(MakeEvent({.event_id = id}),
                    [&answers, &answered,
                     id](const absl::StatusOr<Appended>& appended) {
                      if (appended.ok()) answers.Add(id, *appended);
                      answered.count_down();
                    });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  answered.wait();

  EXPECT_EQ(answers.stored(), kEvents);
  EXPECT_EQ(log->Bounds().latest, Sequence{kEvents});
  const auto sequences = answers.sequences();
  ASSERT_EQ(sequences.size(), kEvents);
  for (const auto& [id, places] : sequences) {
    ASSERT_EQ(places.size(), 1) << id;
    ASSERT_EQ(log->FindEventId(id).value().value, *places.begin());
  }
}

TEST(EmbeddedLogTest, CommitsWhatGathersMeanwhileInOneGroup) {
  TestLog log;
  std::latch answered(100);
  {
    const Hold hold(*log);
    for (int i = 0; i < 100; ++i) {
      log->Append(MakeEvent({.event_id = absl::StrCat("event-", i)}),
                  [&answered](const absl::StatusOr<Appended>&) {
                    answered.count_down();
                  });
    }
  }
  answered.wait();
  EXPECT_EQ(MetricValue(log.registry(), "envelope_relay_log_commit_events"), 2);
  EXPECT_EQ(MetricValue(log.registry(), "envelope_relay_log_appended_total"),
            101);
}

// Appends 300 events of 1,100 bytes in groups of several sizes, the largest of
// which are as large as a group may be.
void FillInGroups(TestLog& log) {
  log.Append(1, 1000);
  log.Append(2, 1000);
  log.Fill(3, 9, 1000);
  log.Fill(10, 299, 1000);
  log.Append(300, 1000);
}

TEST(EmbeddedLogTest, ReadsGroupsFromEveryPositionWithinTheLimits) {
  // Nothing is in memory.
  TestLog log;
  FillInGroups(log);
  log.Open();
  const Sequence last = log->Bounds().latest;
  for (Sequence after; after < last; after = after.Next()) {
    for (const size_t events_max : {size_t{1}, size_t{5}, size_t{100}}) {
      const absl::StatusOr<LogRange> range =
          log->Read(after, {.events_max = events_max, .bytes_max = SIZE_MAX});
      ASSERT_TRUE(range.ok()) << range.status();
      std::vector<uint64_t> expected(
          std::min<size_t>(events_max, last.value - after.value));
      std::iota(expected.begin(), expected.end(), after.value + 1);
      ASSERT_EQ(Sequences(*range), expected);
      ASSERT_EQ(range->end, Sequence{expected.back()});
    }
    const absl::StatusOr<ChunkSpan> one = log->Get(after.Next());
    ASSERT_TRUE(one.ok()) << one.status();
    ASSERT_EQ(one->chunk->records.at(0).sequence, after.Next());
  }
}

TEST(EmbeddedLogTest, AReaderInSmallStepsReadsEachGroupOnce) {
  TestLog log;
  FillInGroups(log);
  log.Open();
  ReadAhead reader;
  std::set<std::shared_ptr<const Chunk>> chunks;
  Sequence after;
  while (after < log->Bounds().latest) {
    const absl::StatusOr<LogRange> range =
        reader.Read(*log, after, {.events_max = 1, .bytes_max = SIZE_MAX});
    ASSERT_TRUE(range.ok()) << range.status();
    ASSERT_THAT(Sequences(*range), ::testing::ElementsAre(after.value + 1));
    chunks.insert(range->spans.at(0).chunk);
    after = range->end;
  }
  log.Close();
  size_t groups = 0;
  WithDatabase(log.dir(), [&](rocksdb::DB& db, const ColumnFamilies& families) {
    const std::unique_ptr<rocksdb::Iterator> it(
        db.NewIterator(rocksdb::ReadOptions(), families.at(kRecordsName)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++groups;
  });
  EXPECT_LT(groups, 300);
  EXPECT_LE(chunks.size(), groups);
}

TEST(EmbeddedLogTest, AReaderFillsItsLimitsWhateverIsStoredTogether) {
  TestLog log;
  FillInGroups(log);
  log.Open();
  const Sequence last = log->Bounds().latest;
  for (const ReadLimits& limits :
       {ReadLimits{.events_max = 70, .bytes_max = SIZE_MAX},
        ReadLimits{.events_max = SIZE_MAX, .bytes_max = 5000},
        ReadLimits{.events_max = SIZE_MAX, .bytes_max = 1}}) {
    ReadAhead reader;
    for (Sequence after; after < last;) {
      const absl::StatusOr<LogRange> expected = log->Read(after, limits);
      const absl::StatusOr<LogRange> range = reader.Read(*log, after, limits);
      ASSERT_TRUE(expected.ok() && range.ok()) << range.status();
      ASSERT_EQ(Sequences(*range), Sequences(*expected));
      ASSERT_EQ(range->end, expected->end);
      after = range->end;
    }
  }
}

TEST(EmbeddedLogTest, AReaderDoesNotReadWhatRetentionHasRemoved) {
  TestLog log;
  FillInGroups(log);
  log.Open();
  ReadAhead reader;
  const ReadLimits one{.events_max = 1, .bytes_max = SIZE_MAX};
  ASSERT_TRUE(reader.Read(*log, Sequence{20}, one).ok());
  EmbeddedLogOptions options;
  options.retention_age = absl::Seconds(100);
  log.clock().Advance(absl::Seconds(130));
  log.Open(std::move(options));
  // In the middle of a group.
  ASSERT_EQ(log->Bounds().earliest_time, kStart + absl::Seconds(30));
  EXPECT_TRUE(
      absl::IsOutOfRange(reader.Read(*log, Sequence{21}, one).status()));
  EXPECT_EQ(log.ReadAll(Sequence{log->Bounds().earliest.value - 1}).size(),
            log->Bounds().latest.value - log->Bounds().earliest.value + 1);
}

TEST(EmbeddedLogTest, WritesNothingForDuplicatesOnly) {
  TestLog log;
  log.Append(1);
  const double commits =
      MetricValue(log.registry(), "envelope_relay_log_commit_duration_seconds");
  ASSERT_TRUE(AppendAndWait(*log, MakeEvent({.event_id = "event-1"})).ok());
  EXPECT_EQ(
      MetricValue(log.registry(), "envelope_relay_log_commit_duration_seconds"),
      commits);
}

TEST(EmbeddedLogTest, RefusesMoreAppendsThanMayWait) {
  EmbeddedLogOptions options;
  options.pending_bytes_max = 100'000;
  TestLog log(std::move(options));
  std::latch answered(1);
  {
    const Hold hold(*log);
    const std::string payload(60'000, 'x');
    log->Append(MakeEvent({.event_id = "fits", .payload = payload}),
                [&answered](const absl::StatusOr<Appended>& appended) {
                  EXPECT_TRUE(appended.ok()) << appended.status();
                  answered.count_down();
                });
    EXPECT_EQ(
        AppendAndWait(*log, MakeEvent({.event_id = "no", .payload = payload}))
            .status()
            .code(),
        absl::StatusCode::kResourceExhausted);
  }
  answered.wait();
  EXPECT_TRUE(AppendAndWait(*log, MakeEvent({.event_id = "no"})).ok());
}

TEST(EmbeddedLogTest, AnswersWhatItHasTakenBeforeItIsClosed) {
  TestLog log;
  std::atomic<int> stored = 0;
  for (int i = 0; i < 200; ++i) {
    log->Append(MakeEvent({.event_id = absl::StrCat("event-", i)}),
                [&stored](const absl::StatusOr<Appended>& appended) {
                  if (appended.ok()) ++stored;
                });
  }
  log->Close();
  EXPECT_EQ(stored, 200);
  EXPECT_EQ(
      AppendAndWait(*log, MakeEvent({.event_id = "late"})).status().code(),
      absl::StatusCode::kUnavailable);
  EXPECT_EQ(log.ReadAll({}).size(), 200);
  log.Open();
  EXPECT_EQ(log.ReadAll({}).size(), 200);
}

TEST(EmbeddedLogTest, RefusesAppendsWhileTheDiskIsFull) {
  std::atomic<uint64_t> free = 1000;
  EmbeddedLogOptions options;
  options.disk_reserve_bytes = 500;
  options.disk_space = [&free](const std::string&) {
    return absl::StatusOr<DiskSpace>({.free_bytes = free});
  };
  TestLog log(std::move(options));
  log.Append(1);
  free = 499;
  log->Maintain();
  EXPECT_EQ(log->Health().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(AppendAndWait(*log, MakeEvent({.event_id = "x"})).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(log.ReadAll({}).size(), 1);
  free = 500;
  log->Maintain();
  EXPECT_TRUE(log->Health().ok());
  EXPECT_EQ(log.Append(2), Sequence{2});
  log.Close();
}

TEST(EmbeddedLogTest, NoticesByItselfThatTheDiskIsFull) {
  std::atomic<int> checks = 0;
  EmbeddedLogOptions options;
  options.disk_space = [&checks](const std::string&) {
    ++checks;
    checks.notify_all();
    return absl::StatusOr<DiskSpace>({.free_bytes = UINT64_MAX});
  };
  TestLog log(std::move(options));
  // One is made by the start; the test's time limit bounds the wait.
  for (int seen = checks; seen < 2; seen = checks) checks.wait(seen);
  EXPECT_TRUE(log->Health().ok());
  log.Close();
}

TEST(EmbeddedLogTest, ReportsWhatItHolds) {
  TestLog log;
  log.Fill(1, 10);
  const LogRange range = log->Read({}, kNoLimits).value();
  const auto bytes = static_cast<double>(range.spans.at(0).chunk->bytes.size());
  EXPECT_EQ(MetricValue(*log, "envelope_relay_log_latest_sequence"), 10);
  EXPECT_EQ(MetricValue(*log, "envelope_relay_log_earliest_sequence"), 1);
  EXPECT_EQ(MetricValue(*log, "envelope_relay_log_stored_bytes"), bytes);
  EXPECT_GE(
      MetricValue(log.registry(), "envelope_relay_log_commit_duration_seconds"),
      1);
}

TEST(EmbeddedLogTest, ReportsWhenItsEventsCame) {
  constexpr char kLatest[] =
      "envelope_relay_log_latest_event_timestamp_seconds";
  constexpr char kEarliest[] =
      "envelope_relay_log_earliest_event_timestamp_seconds";
  const auto start = static_cast<double>(absl::ToUnixSeconds(kStart));
  TestLog log(WithAge(absl::Seconds(100)));
  EXPECT_EQ(MetricValue(*log, kLatest), 0);
  EXPECT_EQ(MetricValue(*log, kEarliest), 0);
  log.Fill(1, 50);
  EXPECT_EQ(MetricValue(*log, kLatest), start + 50);
  EXPECT_EQ(MetricValue(*log, kEarliest), start + 1);
  log.clock().Advance(absl::Seconds(130));
  log->Maintain();
  EXPECT_EQ(MetricValue(*log, kEarliest), start + 30);
  // Once all are removed, and after a restart, too.
  log.clock().Advance(absl::Hours(1));
  log->Maintain();
  EXPECT_EQ(
      MetricValue(log.registry(), "envelope_relay_log_retention_removed_total"),
      50);
  log.Open();
  EXPECT_EQ(MetricValue(*log, kLatest), start + 50);
  EXPECT_EQ(MetricValue(*log, kEarliest), 0);
}

TEST(EmbeddedLogTest, ReportsHowMuchItMayKeep) {
  constexpr char kSeconds[] = "envelope_relay_log_retention_limit_seconds";
  constexpr char kBytes[] = "envelope_relay_log_retention_limit_bytes";
  EmbeddedLogOptions options = WithAge(absl::Seconds(100));
  options.retention_bytes = 1'000'000;
  TestLog log(std::move(options));
  EXPECT_EQ(MetricValue(log.registry(), kSeconds), 100);
  EXPECT_EQ(MetricValue(log.registry(), kBytes), 1'000'000);
  log.Open();
  EXPECT_EQ(MetricValue(log.registry(), kSeconds), 0);
  EXPECT_EQ(MetricValue(log.registry(), kBytes), 0);
}

TEST(EmbeddedLogTest, ReportsHowFullTheDiskIs) {
  constexpr char kFree[] = "envelope_relay_log_free_bytes";
  constexpr char kSize[] = "envelope_relay_log_filesystem_bytes";
  std::atomic<bool> fails = false;
  EmbeddedLogOptions options;
  options.disk_space = [&fails](const std::string&) {
    return fails ? absl::StatusOr<DiskSpace>(absl::UnavailableError("gone"))
                 : DiskSpace{.free_bytes = 4'000'000'000, .size_bytes = 5};
  };
  TestLog log(std::move(options));
  EXPECT_EQ(MetricValue(log.registry(), kFree), 4e9);
  EXPECT_EQ(MetricValue(log.registry(), kSize), 5);
  fails = true;
  log->Maintain();
  EXPECT_THAT(MetricValue(log.registry(), kFree), IsNan());
  EXPECT_THAT(MetricValue(log.registry(), kSize), IsNan());
  log.Close();
}

TEST(EmbeddedLogTest, DoesNotKnowTheDiskWhileItIsBeingOpened) {
  TestLog log;
  std::vector<double> at_first;
  EmbeddedLogOptions options;
  options.disk_space = [&log, &at_first](const std::string&) {
    if (at_first.empty()) {
      for (const char* const name : {"envelope_relay_log_free_bytes",
                                     "envelope_relay_log_filesystem_bytes",
                                     "envelope_relay_log_disk_bytes"}) {
        at_first.push_back(MetricValue(log.registry(), name));
      }
    }
    return DiskSpace{.free_bytes = 4'000'000'000};
  };
  log.Open(std::move(options));
  EXPECT_THAT(at_first, ElementsAre(IsNan(), IsNan(), IsNan()));
  log.Close();
}

TEST(EmbeddedLogTest, ReportsWhatItTakesOnTheDisk) {
  constexpr char kDisk[] = "envelope_relay_log_disk_bytes";
  TestLog log;
  const double before = MetricValue(log.registry(), kDisk);
  std::filesystem::create_directory(log.dir() + "/more");
  std::ofstream(log.dir() + "/more/file") << std::string(1 << 20, 'x');
  log->Maintain();
  const double after = MetricValue(log.registry(), kDisk);
  EXPECT_GE(after, before + (1 << 20));
  const FinishedCommand du =
      RunCommand({.program = "/usr/bin/du",
                  .arguments = {"--summarize", "--block-size=1", log.dir()}});
  EXPECT_EQ(std::stod(du.output), after);
}

TEST(EmbeddedLogTest, ReportsHowLongItsSyncsTake) {
  constexpr char kSyncs[] = "envelope_relay_log_fsync_duration_seconds";
  TestLog log;
  const double before = MetricValue(log.registry(), kSyncs);
  log.Append(1);
  log.Append(2);
  EXPECT_EQ(MetricValue(log.registry(), kSyncs), before + 2);
}

TEST(EmbeddedLogTest, ReportsWhatWaitsForACommit) {
  constexpr char kWaiting[] = "envelope_relay_log_waiting_appends";
  TestLog log;
  EXPECT_EQ(MetricValue(*log, kWaiting), 0);
  {
    const Hold hold(*log);
    for (int i = 0; i < 3; ++i) {
      log->Append(MakeEvent({.event_id = absl::StrCat(i)}),
                  [](const absl::StatusOr<Appended>&) {});
    }
    EXPECT_EQ(MetricValue(*log, kWaiting), 4);
  }
  EXPECT_TRUE(Eventually([&] { return MetricValue(*log, kWaiting) == 0; }));
}

TEST(EmbeddedLogTest, RefusesOptionsThatAreOutOfRange) {
  const auto code = [](EmbeddedLogOptions options) {
    TestLog log;
    return log.TryOpen(std::move(options)).status().code();
  };
  EXPECT_EQ(code(WithAge(absl::Milliseconds(999))),
            absl::StatusCode::kInvalidArgument);
  EmbeddedLogOptions small_cache;
  small_cache.cache_bytes = 1 << 20;
  EXPECT_EQ(code(std::move(small_cache)), absl::StatusCode::kInvalidArgument);
  EmbeddedLogOptions large_queue;
  large_queue.pending_bytes_max = size_t{1} << 31;
  EXPECT_EQ(code(std::move(large_queue)), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace enveloperelay::testing
