#include "server/base/watched_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::TempDir;

constexpr absl::Duration kInterval = absl::Milliseconds(5);

void Write(const std::string& path, std::string_view text) {
  const std::string next = path + ".next";
  std::ofstream(next) << text;
  std::filesystem::rename(next, path);
}

// Takes every text but "bad".
class Taken {
 public:
  WatchedFiles::Take Take() {
    return [this](std::span<const std::string> texts) {
      const MutexLock lock(mutex_);
      ++asked_;
      if (texts.front() == "bad") {
        return absl::InvalidArgumentError("the text is bad");
      }
      texts_.assign(texts.begin(), texts.end());
      return absl::OkStatus();
    };
  }
  std::vector<std::string> texts() const {
    const MutexLock lock(mutex_);
    return texts_;
  }
  int asked() const {
    const MutexLock lock(mutex_);
    return asked_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
};

class WatchedFilesTest : public ::testing::Test {
 protected:
  const TempDir dir_;
  const std::string path_ = dir_.File("file");
  Taken taken_;
  WatchedFiles files_{kInterval};
};

TEST_F(WatchedFilesTest, AFileIsTakenAtOnceAndWhenItHasChanged) {
  Write(path_, "one");
  ASSERT_TRUE(files_.Watch({path_}, taken_.Take()).ok());
  EXPECT_THAT(taken_.texts(), ElementsAre("one"));
  Write(path_, "two");
  EXPECT_TRUE(Eventually([&] { return taken_.texts()[0] == "two"; }));
  EXPECT_EQ(taken_.asked(), 2);
}

TEST_F(WatchedFilesTest, ALinkThatIsSwappedIsAChange) {
  // As a Secret's volume: file -> ..data/file, ..data -> a directory.
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directory(dir_.File(name));
    Write(dir_.File(name) + "/file", name);
  }
  std::filesystem::create_directory_symlink("a", dir_.File("data"));
  std::filesystem::create_symlink("data/file", path_);
  ASSERT_TRUE(files_.Watch({path_}, taken_.Take()).ok());
  std::filesystem::create_directory_symlink("b", dir_.File("data.next"));
  std::filesystem::rename(dir_.File("data.next"), dir_.File("data"));
  EXPECT_TRUE(Eventually([&] { return taken_.texts()[0] == "b"; }));
}

TEST_F(WatchedFilesTest, WhatWasTakenStaysWhileAFileIsBadOrGone) {
  Write(path_, "one");
  ASSERT_TRUE(files_.Watch({path_}, taken_.Take()).ok());
  Write(path_, "bad");
  EXPECT_TRUE(Eventually([&] { return taken_.asked() == 2; }));
  EXPECT_THAT(taken_.texts(), ElementsAre("one"));
  std::filesystem::remove(path_);
  Write(path_, "two");
  EXPECT_TRUE(Eventually([&] { return taken_.texts()[0] == "two"; }));
}

TEST_F(WatchedFilesTest, FilesThatBelongTogetherAreTakenTogether) {
  const std::string other = dir_.File("other");
  Write(path_, "one");
  Write(other, "1");
  ASSERT_TRUE(files_.Watch({path_, other}, taken_.Take()).ok());
  Write(other, "2");
  EXPECT_TRUE(Eventually([&] { return taken_.asked() == 2; }));
  EXPECT_THAT(taken_.texts(), ElementsAre("one", "2"));
}

TEST_F(WatchedFilesTest, WhatCannotBeTakenAtFirstIsAnError) {
  EXPECT_EQ(files_.Watch({path_}, taken_.Take()).code(),
            absl::StatusCode::kNotFound);
  Write(path_, "bad");
  EXPECT_EQ(files_.Watch({path_}, taken_.Take()).message(), "the text is bad");
  EXPECT_THAT(std::string(files_.Watch({dir_.path()}, taken_.Take()).message()),
              HasSubstr("is no file"));
  Write(path_, std::string(WatchedFiles::kFileBytesMax + 1, 'x'));
  EXPECT_EQ(files_.Watch({path_}, taken_.Take()).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace enveloperelay
