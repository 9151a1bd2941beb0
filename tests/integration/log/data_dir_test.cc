#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "server/log/embedded_log.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/store_options.h"
#include "tests/integration/log/test_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/write_state.h"

namespace enveloperelay::testing {
namespace {

using ::testing::HasSubstr;

absl::Status OpenStatus(const std::string& dir) {
  prometheus::Registry registry;
  const FakeClock clock(kStart);
  EmbeddedLogOptions options;
  options.data_dir = dir;
  return EmbeddedLog::Open(std::move(options), clock, registry).status();
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(DataDirTest, IsCreatedForThisUserOnly) {
  for (const std::string_view name : {"data", "some/where", "data/"}) {
    const TempDir parent;
    const std::string dir = parent.File(name);
    EXPECT_TRUE(OpenStatus(dir).ok());
    struct stat info = {};
    ASSERT_EQ(stat(dir.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0700u) << name;
  }
}

TEST(DataDirTest, MayBeAFreshFileSystem) {
  const TempDir dir;
  std::filesystem::create_directory(dir.File("lost+found"));
  EXPECT_TRUE(OpenStatus(dir.path()).ok());
}

TEST(DataDirTest, IsRefusedWhenItHoldsOtherFiles) {
  const TempDir dir;
  std::ofstream(dir.File("notes.txt")) << "mine";
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("notes.txt"));
  EXPECT_FALSE(std::filesystem::exists(dir.File("LOCK")));
}

TEST(DataDirTest, IsRefusedWhenItCannotBeCreated) {
  const TempDir dir;
  std::ofstream(dir.File("file")) << "mine";
  const absl::Status status = OpenStatus(dir.File("file/data"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr(dir.File("file/data")));
}

TEST(DataDirTest, IsRefusedWhenItIsNoDirectory) {
  const TempDir dir;
  std::ofstream(dir.File("file")) << "mine";
  const absl::Status status = OpenStatus(dir.File("file"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr(dir.File("file")));
}

TEST(DataDirTest, IsRefusedWhenItHoldsAnotherDatabase) {
  const TempDir dir;
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, dir.path(), &db).ok());
    const std::unique_ptr<rocksdb::DB> owned(db);
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "key", "value").ok());
  }
  const absl::Status status = OpenStatus(dir.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("no log of this service"));
}

TEST(DataDirTest, IsRefusedWhenItsFormatIsNewer) {
  TestLog log;
  log.Append(1);
  log.Close();
  WithDatabase(log.dir(), [](rocksdb::DB& db, const ColumnFamilies&) {
    EXPECT_TRUE(db.Put(rocksdb::WriteOptions(), "format_version",
                       EncodeSequence(Sequence{kFormatVersion + 1}))
                    .ok());
  });
  const absl::Status status = log.TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("newer version"));
  EXPECT_THAT(Message(status), HasSubstr("its format is 5"));
}

// Makes a log of that format version, which lacks `families`, and checks that
// it is upgraded when it is opened.
void ExpectUpgradeFrom(uint64_t version,
                       const std::vector<const char*>& missing) {
  TestLog log;
  // One at a time: so far each event had a key of its own.
  for (int i = 1; i <= 10; ++i) log.Append(i);
  const LogBounds before = log->Bounds();
  log.Close();
  WithDatabase(log.dir(), [&](rocksdb::DB& db, const ColumnFamilies& families) {
    for (const char* name : missing) {
      EXPECT_TRUE(db.DropColumnFamily(families.at(name)).ok());
    }
    EXPECT_TRUE(db.Put(rocksdb::WriteOptions(), "format_version",
                       EncodeSequence(Sequence{version}))
                    .ok());
  });
  log.Open();
  EXPECT_EQ(log->Bounds().log_id, before.log_id);
  EXPECT_EQ(log.ReadAll({}).size(), 10);
  EXPECT_EQ(log.Append(11), Sequence{11});
  log.Fill(12, 40);
  log.Open();
  EXPECT_EQ(log.ReadAll({}).size(), 40);
  for (const uint64_t sequence : {10, 11, 12, 40}) {
    EXPECT_TRUE(log->Get(Sequence{sequence}).ok()) << sequence;
    EXPECT_EQ(log->FindTime(kStart + absl::Seconds(sequence)).value(),
              Sequence{sequence - 1});
  }
  EXPECT_TRUE(WriteAndWait(log->state(),
                           {SetKey(StateTable::kSubscriptions, "key", "value"),
                            SetKey(StateTable::kDeadLetters, "key", "value"),
                            SetKey(StateTable::kQuarantine, "key", "value")})
                  .ok());
  log.Close();
  WithDatabase(log.dir(), [](rocksdb::DB& db, const ColumnFamilies& families) {
    for (const char* name : {"subscriptions", "dead_letters", "quarantine"}) {
      EXPECT_TRUE(families.contains(name)) << name;
    }
    std::string upgraded;
    EXPECT_TRUE(
        db.Get(rocksdb::ReadOptions(), "format_version", &upgraded).ok());
    EXPECT_EQ(upgraded, EncodeSequence(Sequence{kFormatVersion}));
  });
}

TEST(DataDirTest, OfFormatVersion1IsUpgraded) {
  ExpectUpgradeFrom(1, {kSubscriptionsName, kDeadLettersName, kQuarantineName});
}

TEST(DataDirTest, OfFormatVersion2IsUpgraded) {
  ExpectUpgradeFrom(2, {kQuarantineName});
}

TEST(DataDirTest, OfFormatVersion3IsUpgraded) { ExpectUpgradeFrom(3, {}); }

TEST(DataDirTest, IsRefusedWhenItHoldsMoreThanIsKnown) {
  TestLog log;
  log.Close();
  WithDatabase(log.dir(), [](rocksdb::DB& db, const ColumnFamilies&) {
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    EXPECT_TRUE(db.CreateColumnFamily({}, "telepathy", &handle).ok());
    EXPECT_TRUE(db.DestroyColumnFamilyHandle(handle).ok());
  });
  const absl::Status status = log.TryOpen().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("telepathy"));
}

}  // namespace
}  // namespace enveloperelay::testing
