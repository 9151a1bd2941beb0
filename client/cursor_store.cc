#include "enveloperelay/cursor_store.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

namespace enveloperelay::client {
namespace {

// A file longer than this, or with other bytes than printable ASCII, is some
// other file that was named by mistake.
constexpr size_t kCursorBytesMax = 1024;

absl::Status ErrnoStatus(std::string_view doing, std::string_view path) {
  return absl::ErrnoToStatus(
      errno, absl::StrFormat("cannot %s cursor file %s", doing, path));
}

// An open file; closed at the end of the scope.
class File {
 public:
  File(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool Sync() const { return ::fsync(fd_) == 0; }

  // Reads up to `bytes_max` bytes. False: errno says why.
  bool Read(size_t bytes_max, std::string& text) const {
    std::array<char, 512> buffer = {};
    while (text.size() < bytes_max) {
      const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      if (n == 0) break;
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    return true;
  }

  bool Write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

 private:
  const int fd_;
};

absl::Status WriteSynced(const std::string& path, std::string_view text) {
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.is_open()) return ErrnoStatus("create", path);
  if (!file.Write(text)) return ErrnoStatus("write", path);
  if (!file.Sync()) return ErrnoStatus("sync", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MemoryCursorStore::Load() { return cursor_; }

absl::Status MemoryCursorStore::Store(std::string_view cursor) {
  cursor_ = cursor;
  return absl::OkStatus();
}

FileCursorStore::FileCursorStore(std::string path) : path_(std::move(path)) {}

absl::StatusOr<std::string> FileCursorStore::Load() {
  const File file(path_, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::string();
    return ErrnoStatus("open", path_);
  }
  std::string text;
  if (!file.Read(kCursorBytesMax + 1, text)) return ErrnoStatus("read", path_);
  if (text.ends_with('\n')) text.pop_back();
  if (text.size() >= kCursorBytesMax ||
      !std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
    return absl::DataLossError(absl::StrFormat(
        "%s is not a cursor file: it should hold one line of printable "
        "characters, less than %u bytes",
        path_, kCursorBytesMax));
  }
  return text;
}

absl::Status FileCursorStore::Store(std::string_view cursor) {
  const std::string temporary = path_ + ".tmp";
  std::string line(cursor);
  line += '\n';
  if (absl::Status status = WriteSynced(temporary, line); !status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  if (std::rename(temporary.c_str(), path_.c_str()) != 0) {
    const absl::Status status = ErrnoStatus("replace", path_);
    ::unlink(temporary.c_str());
    return status;
  }
  const std::string parent = std::filesystem::path(path_).parent_path();
  const File directory(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() || !directory.Sync()) {
    return ErrnoStatus("sync the directory of", path_);
  }
  return absl::OkStatus();
}

}  // namespace enveloperelay::client
