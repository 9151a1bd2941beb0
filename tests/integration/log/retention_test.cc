#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/iterator.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/integration/log/test_log.h"
#include "tests/support/append.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {
namespace {

EmbeddedLogOptions WithAge(absl::Duration age) {
  EmbeddedLogOptions options;
  options.retention_age = age;
  return options;
}

EmbeddedLogOptions WithBytes(uint64_t bytes) {
  EmbeddedLogOptions options;
  options.retention_bytes = bytes;
  return options;
}

// How many bytes the frame of one of TestLog's events takes.
size_t FrameBytes(size_t payload_bytes) {
  TestLog log;
  log.Append(1, payload_bytes);
  return log->Read({}, kNoLimits)->spans.at(0).chunk->bytes.size();
}

TEST(RetentionTest, KeepsEventsOfJustTheRetentionAge) {
  TestLog log(WithAge(absl::Seconds(100)));
  log.Fill(1, 50);
  log.clock().Advance(absl::Seconds(130));
  log->Maintain();
  EXPECT_EQ(log->Bounds().earliest, Sequence{30});
  EXPECT_EQ(log->Bounds().earliest_time, kStart + absl::Seconds(30));
}

TEST(RetentionTest, KeepsNoMoreThanTheRetentionBytes) {
  // All ids and sequences of the run are of one length.
  const size_t frame = FrameBytes(1000) + 4;
  TestLog log(WithBytes(10 * frame));
  log.Fill(1000, 1200, 1000);
  log->Maintain();
  EXPECT_EQ(log->Bounds().earliest, Sequence{192});
  EXPECT_LE(MetricValue(*log, "envelope_relay_log_stored_bytes"), 10 * frame);
  EXPECT_EQ(log.ReadAll(Sequence{191}).size(), 10);
}

TEST(RetentionTest, AppliesTheStricterLimit) {
  EmbeddedLogOptions options = WithAge(absl::Seconds(100));
  options.retention_bytes = FrameBytes(1000) * 20;
  TestLog log(std::move(options));
  log.Fill(1, 100, 1000);
  log->Maintain();
  const Sequence by_bytes = log->Bounds().earliest;
  EXPECT_GT(by_bytes, Sequence{75});
  log.clock().Advance(absl::Seconds(195));
  log->Maintain();
  EXPECT_EQ(log->Bounds().earliest, Sequence{95});
}

TEST(RetentionTest, IsAppliedWhenTheLogIsOpened) {
  TestLog log;
  log.Fill(1, 50);
  log.clock().Advance(absl::Seconds(130));
  log.Open(WithAge(absl::Seconds(100)));
  EXPECT_EQ(log->Bounds().earliest, Sequence{30});
}

TEST(RetentionTest, WhatIsRemovedStaysRemoved) {
  TestLog log(WithAge(absl::Seconds(100)));
  log.Fill(1, 50);
  log.clock().Advance(absl::Seconds(130));
  log->Maintain();
  log.clock().Advance(-absl::Seconds(130));
  log.Open();
  EXPECT_EQ(log->Bounds().earliest, Sequence{30});
  EXPECT_EQ(log->Bounds().earliest_time, kStart + absl::Seconds(30));
  EXPECT_EQ(log->FindEventId("event-3").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(RetentionTest, SequencesGoOnAfterEverythingWasRemovedAndARestart) {
  TestLog log(WithAge(absl::Seconds(100)));
  log.Fill(1, 50);
  log.clock().Advance(absl::Hours(1));
  log->Maintain();
  EXPECT_TRUE(log->Bounds().empty());
  log.Open();
  EXPECT_TRUE(log->Bounds().empty());
  EXPECT_EQ(log->Bounds().latest, Sequence{50});
  EXPECT_EQ(log.Append(51), Sequence{51});
  EXPECT_EQ(log.ReadAll(Sequence{50}).size(), 1);
}

TEST(RetentionTest, ReceiveTimesDoNotFallAfterEverythingWasRemoved) {
  TestLog log(WithAge(absl::Seconds(100)));
  log.Fill(1, 50);
  log.clock().Advance(absl::Hours(1));
  log->Maintain();
  log.Append(2);
  EXPECT_EQ(log->Bounds().latest_time, kStart + absl::Seconds(50));
}

TEST(RetentionTest, LeavesNothingOfARemovedEventInWhatIsWrittenLater) {
  TestLog log(WithAge(absl::Seconds(100)));
  // One a commit: what a commit has written together goes together.
  for (int i = 1; i <= 50; ++i) log.Append(i);
  log.clock().Advance(absl::Seconds(130));
  log->Maintain();
  // Writes to table files what only memory and the write-ahead log hold.
  log.Close();
  WithDatabase(log.dir(), [](rocksdb::DB& db, const ColumnFamilies& families) {
    for (const char* name : {"records", "by_event_id", "by_envelope"}) {
      int entries = 0;
      const std::unique_ptr<rocksdb::Iterator> it(
          db.NewIterator({}, families.at(name)));
      for (it->SeekToFirst(); it->Valid(); it->Next()) ++entries;
      EXPECT_EQ(entries, 21) << name;
    }
  });
}

size_t DiskBytes(const std::string& dir) {
  size_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() == ".sst") bytes += entry.file_size();
  }
  return bytes;
}

TEST(RetentionTest, GivesTheDiskItsSpaceBack) {
  EmbeddedLogOptions options = WithAge(absl::Seconds(100));
  options.cache_bytes = size_t{8} << 20;
  TestLog log(std::move(options));
  // Several times what memory holds, so that files of records go down a level,
  // from where they can be dropped.
  for (int i = 0; i < 10; ++i) log.Fill(i * 1000, i * 1000 + 999, 8000);
  EXPECT_GT(DiskBytes(log.dir()), 60'000'000);
  log.clock().Advance(absl::Hours(10));
  log->Maintain();
  EXPECT_TRUE(log->Bounds().empty());
  log.Fill(20'000, 20'999, 8000);
  log.Open(WithAge(absl::Seconds(100)));
  EXPECT_LT(DiskBytes(log.dir()), 40'000'000);
}

TEST(RetentionTest, ReadersMeetNothingDamagedWhileItWorks) {
  EmbeddedLogOptions options = WithBytes(3'000'000);
  // So that files are dropped beneath the readers.
  options.cache_bytes = size_t{8} << 20;
  TestLog log(std::move(options));
  std::atomic<bool> stop = false;
  std::thread trimmer([&] {
    while (!stop) log->Maintain();
  });
  std::vector<std::string> wrong;
  std::thread reader([&] {
    while (!stop) {
      const LogBounds bounds = log->Bounds();
      const Sequence after{bounds.earliest.value - 1};
      const absl::StatusOr<LogRange> range = log->Read(after, kNoLimits);
      if (!range.ok() && !absl::IsOutOfRange(range.status())) {
        wrong.push_back(range.status().ToString());
      }
      const absl::StatusOr<ChunkSpan> span = log->Get(bounds.earliest);
      if (!span.ok() && !absl::IsNotFound(span.status())) {
        wrong.push_back(span.status().ToString());
      }
      const auto history = log->ReadEnvelopes(
          std::vector<std::string>{"envelope-1"}, {}, kNoLimits);
      if (!history.ok()) wrong.push_back(history.status().ToString());
      const auto place = log->FindTime(kStart + absl::Hours(1));
      if (!place.ok()) wrong.push_back(place.status().ToString());
    }
  });
  for (int i = 0; i < 40; ++i) log.Fill(i * 100, i * 100 + 99, 16'000);
  stop = true;
  trimmer.join();
  reader.join();
  EXPECT_THAT(wrong, ::testing::IsEmpty());
  log->Maintain();
  EXPECT_GT(log->Bounds().earliest, Sequence{3800});
}

}  // namespace
}  // namespace enveloperelay::testing
