#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/embedded_log.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "tests/integration/log/test_log.h"
#include "tests/integration/log/writer_process.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {
namespace {

namespace fs = std::filesystem;

// The largest file of `dir` with this extension.
fs::path LargestFile(const std::string& dir, std::string_view extension) {
  fs::path largest;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() != extension) continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) {
      largest = entry.path();
    }
  }
  EXPECT_FALSE(largest.empty());
  return largest;
}

void FlipBytes(const fs::path& path, size_t at, size_t count) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes(count, '\0');
  file.seekg(static_cast<std::streamoff>(at));
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  for (char& c : bytes) c = static_cast<char>(~c);
  file.seekp(static_cast<std::streamoff>(at));
  file.write(bytes.data(), static_cast<std::streamsize>(count));
  ASSERT_TRUE(file.good());
}

// A closed log of events 1 to kEvents, damaged in the middle of its records.
class DamagedLog {
 public:
  static constexpr int kEvents = 2000;

  explicit DamagedLog(EmbeddedLogOptions options = {}) {
    log_.Fill(1, kEvents, 1000);
    log_.Close();
    const fs::path table = LargestFile(log_.dir(), ".sst");
    FlipBytes(table, fs::file_size(table) / 2, 16);
    log_.Open(std::move(options));
  }
  TestLog& log() { return log_; }

  // The sequences that Read says are damaged; all others it returns.
  std::vector<uint64_t> FindDamaged() {
    std::vector<uint64_t> damaged;
    Sequence after;
    while (after < Sequence{kEvents}) {
      const absl::StatusOr<LogRange> range = log_->Read(after, kNoLimits);
      if (range.ok()) {
        EXPECT_GT(range->end, after);
        after = range->end;
        continue;
      }
      EXPECT_EQ(range.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(CorruptSequence(range.status()), after.Next());
      after = after.Next();
      damaged.push_back(after.value);
    }
    return damaged;
  }

 private:
  TestLog log_;
};

TEST(DamageTest, AReadNamesTheDamagedRecordsAndReturnsTheOthers) {
  DamagedLog damaged;
  const std::vector<uint64_t> sequences = damaged.FindDamaged();
  ASSERT_FALSE(sequences.empty());
  // A group, and what of others is in its block, which RocksDB closes at 16
  // KiB.
  EXPECT_LE(sequences.size(), (kGroupBytesMax + (16 << 10)) / 1000);
  EXPECT_GT(sequences.front(), 500);
  EXPECT_LT(sequences.back(), 1500);
}

TEST(DamageTest, GetNamesTheDamagedRecord) {
  DamagedLog damaged;
  const Sequence sequence{damaged.FindDamaged().at(0)};
  const absl::Status status = damaged.log()->Get(sequence).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CorruptSequence(status), sequence);
}

TEST(DamageTest, AnEnvelopesHistoryNamesTheDamagedRecord) {
  DamagedLog damaged;
  const Sequence sequence{damaged.FindDamaged().at(0)};
  const std::vector<std::string> ids = {"envelope-1"};
  const absl::StatusOr<LogRange> before =
      damaged.log()->ReadEnvelopes(ids, {}, kNoLimits);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->end.Next(), sequence);
  EXPECT_EQ(
      CorruptSequence(
          damaged.log()->ReadEnvelopes(ids, before->end, kNoLimits).status()),
      sequence);
}

TEST(DamageTest, TimesAreFoundAroundDamagedRecords) {
  DamagedLog damaged;
  const std::vector<uint64_t> sequences = damaged.FindDamaged();
  for (const uint64_t sequence : {uint64_t{300}, sequences.front() - 1,
                                  sequences.back() + 1, uint64_t{1900}}) {
    const absl::Time time = kStart + absl::Seconds(sequence);
    const Sequence place = damaged.log()->FindTime(time).value();
    // Whoever reads on from there meets what is damaged, not a gap.
    EXPECT_LT(place, Sequence{sequence});
    EXPECT_TRUE(place == Sequence{sequence - 1} ||
                place.Next() == Sequence{sequences.front()})
        << place.value;
  }
}

TEST(DamageTest, RetentionGoesOnPastDamagedRecords) {
  EmbeddedLogOptions options;
  options.retention_age = absl::Seconds(DamagedLog::kEvents);
  DamagedLog damaged(std::move(options));
  const Sequence last{damaged.FindDamaged().back()};
  damaged.log().clock().Advance(absl::Seconds(DamagedLog::kEvents + 1800));
  damaged.log()->Maintain();
  EXPECT_EQ(damaged.log()->Bounds().earliest, Sequence{1800});
  EXPECT_LT(last, Sequence{1800});
}

TEST(DamageTest, ALogThatIsDamagedStillTakesEvents) {
  DamagedLog damaged;
  ASSERT_FALSE(damaged.FindDamaged().empty());
  EXPECT_EQ(damaged.log().Append(3000), Sequence{DamagedLog::kEvents + 1});
  EXPECT_TRUE(damaged.log()->Health().ok());
}

// A log whose writer was killed: its newest events are in the write-ahead log
// only.
class KilledLog {
 public:
  KilledLog() {
    log_.Close();
    WriterProcess writer(log_.dir(), "writer");
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(writer.NextLine().has_value());
    writer.Kill();
  }
  TestLog& log() { return log_; }
  fs::path wal() const { return LargestFile(log_.dir(), ".log"); }

 private:
  TestLog log_;
};

TEST(DamageTest, ALogWithADamagedWriteAheadLogIsNotOpened) {
  KilledLog killed;
  FlipBytes(killed.wal(), fs::file_size(killed.wal()) / 3, 16);
  const absl::Status status = killed.log().TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr(killed.log().dir()));
}

TEST(DamageTest, ALogIsOpenedUpToTheUnfinishedEndOfItsWriteAheadLog) {
  KilledLog killed;
  fs::resize_file(killed.wal(), fs::file_size(killed.wal()) - 7);
  killed.log().Open();
  const Sequence latest = killed.log()->Bounds().latest;
  EXPECT_GT(latest, Sequence{500});
  EXPECT_EQ(killed.log().ReadAll({}).size(), latest.value);
}

}  // namespace
}  // namespace enveloperelay::testing
