#include "enveloperelay/cursor_store.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

class FileCursorStoreTest : public ::testing::Test {
 protected:
  testing::TempDir directory_;
  std::string path_ = directory_.File("cursor");
  FileCursorStore store_{path_};
};

TEST_F(FileCursorStoreTest, HoldsNothingBeforeTheFirstStore) {
  const absl::StatusOr<std::string> cursor = store_.Load();

  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(*cursor, "");
}

TEST_F(FileCursorStoreTest, ReturnsWhatWasStoredLast) {
  ASSERT_TRUE(store_.Store("first").ok());
  ASSERT_TRUE(store_.Store("second").ok());

  const absl::StatusOr<std::string> cursor = FileCursorStore(path_).Load();

  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(*cursor, "second");
}

TEST_F(FileCursorStoreTest, WritesOneLineAndLeavesNoOtherFile) {
  ASSERT_TRUE(store_.Store("abc").ok());

  EXPECT_EQ(testing::ContentOf(path_), "abc\n");
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(directory_.path()),
                    std::filesystem::directory_iterator()),
      1);
}

TEST_F(FileCursorStoreTest, ReadsAFileWithoutALineEnd) {
  WriteFile(path_, "abc");

  EXPECT_EQ(store_.Load().value_or("error"), "abc");
}

TEST_F(FileCursorStoreTest, TakesAnEmptyFileForNoCursor) {
  WriteFile(path_, "");

  EXPECT_EQ(store_.Load().value_or("error"), "");
}

TEST_F(FileCursorStoreTest, RefusesAFileThatHoldsSomethingElse) {
  for (const std::string& text :
       {std::string("two\nlines\n"), std::string("\x01"), std::string("\xff"),
        std::string("a b"), std::string(2000, 'a')}) {
    WriteFile(path_, text);

    const absl::Status status = store_.Load().status();

    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }
}

TEST_F(FileCursorStoreTest, ReplacesTheFileInsteadOfWritingIntoIt) {
  ASSERT_TRUE(store_.Store("old").ok());
  std::ifstream reader(path_);

  ASSERT_TRUE(store_.Store("new").ok());

  std::string line;
  std::getline(reader, line);
  EXPECT_EQ(line, "old");
}

TEST_F(FileCursorStoreTest, KeepsTheOldCursorWhenTheNewOneCannotBeWritten) {
  ASSERT_TRUE(store_.Store("old").ok());
  std::filesystem::create_directory(path_ + ".tmp");

  const absl::Status status = store_.Store("new");

  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_EQ(store_.Load().value_or("error"), "old");
}

TEST_F(FileCursorStoreTest, OverwritesWhatACrashLeftBehind) {
  WriteFile(path_ + ".tmp", "half a cursor that is longer than the next one");

  ASSERT_TRUE(store_.Store("abc").ok());

  EXPECT_EQ(store_.Load().value_or("error"), "abc");
}

TEST_F(FileCursorStoreTest, FailsWhereTheDirectoryIsMissing) {
  FileCursorStore store(directory_.File("missing/cursor"));

  EXPECT_EQ(store.Store("abc").code(), absl::StatusCode::kNotFound);
}

TEST_F(FileCursorStoreTest, StoresUnderANameWithoutADirectory) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());

  const absl::Status status = FileCursorStore("cursor").Store("abc");

  std::filesystem::current_path(before);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(store_.Load().value_or("error"), "abc");
}

TEST(MemoryCursorStoreTest, ReturnsWhatWasStoredLast) {
  MemoryCursorStore store;
  EXPECT_EQ(store.Load().value_or("error"), "");

  ASSERT_TRUE(store.Store("abc").ok());

  EXPECT_EQ(store.Load().value_or("error"), "abc");
}

}  // namespace
}  // namespace enveloperelay::client
