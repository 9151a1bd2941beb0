#include "server/base/watched_files.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/base/sha256.h"
#include "server/base/ticker.h"

namespace enveloperelay {
namespace {

absl::StatusOr<std::vector<std::string>> ReadAll(
    const std::vector<std::string>& paths) {
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> text =
        ReadFile(path, WatchedFiles::kFileBytesMax);
    if (!text.ok()) return text.status();
    texts.push_back(*std::move(text));
  }
  return texts;
}

// Kept instead of the texts, which may be secret.
std::string DigestOf(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    absl::StrAppend(&all, text.size(), ":", text);
  }
  return Sha256(all);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     size_t bytes_max) {
  std::error_code error;
  // One that is a device or a pipe might be read for ever.
  if (const auto status = std::filesystem::status(path, error);
      std::filesystem::exists(status) &&
      !std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no file"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, "cannot open " + path);
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    return absl::ErrnoToStatus(errno, "cannot read " + path);
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > bytes_max) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more than ", bytes_max, " bytes"));
  }
  return text;
}

absl::Status WatchedFiles::Watch(std::vector<std::string> paths, Take take) {
  const absl::StatusOr<std::vector<std::string>> texts = ReadAll(paths);
  if (!texts.ok()) return texts.status();
  absl::Status taken = take(*texts);
  if (!taken.ok()) return taken;
  const MutexLock lock(mutex_);
  groups_.push_back({.paths = std::move(paths),
                     .take = std::move(take),
                     .seen = DigestOf(*texts),
                     .problem = {}});
  if (ticker_ == nullptr) {
    ticker_ = std::make_unique<Ticker>(interval_, [this] { LookAgain(); });
  }
  return absl::OkStatus();
}

void WatchedFiles::LookAgain() {
  const MutexLock lock(mutex_);
  for (Group& group : groups_) LookAgain(group);
}

void WatchedFiles::LookAgain(Group& group) {
  absl::Status status;
  const absl::StatusOr<std::vector<std::string>> texts = ReadAll(group.paths);
  if (texts.ok()) {
    std::string seen = DigestOf(*texts);
    if (seen == group.seen) {
      group.problem.clear();  // of a moment in which it was not there
      return;
    }
    status = group.take(*texts);
    group.seen = std::move(seen);
  } else {
    status = texts.status();
  }
  if (status.ok()) {
    LogInfo("read again", {{LogKey::kFile, absl::StrJoin(group.paths, ", ")}});
    group.problem.clear();
  } else if (group.problem != status.message()) {
    group.problem = std::string(status.message());
    LogError("what was read before stays in force",
             {{LogKey::kDetail, group.problem}});
  }
}

}  // namespace enveloperelay
