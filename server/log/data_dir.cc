#include "server/log/data_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "rocksdb/env.h"
#include "rocksdb/status.h"
#include "server/log/rocksdb_status.h"

namespace enveloperelay {
namespace {

namespace fs = std::filesystem;

std::string ErrnoMessage() { return std::generic_category().message(errno); }

absl::Status CannotUse(const fs::path& path, std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot use data directory '", path.string(),
                   "': ", absl::string_view(why.data(), why.size())));
}

// Makes durable what was done to `path`, a file or a directory.
absl::Status Sync(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || fsync(file) != 0) {
    absl::Status failed = CannotUse(path, ErrnoMessage());
    if (file >= 0) close(file);
    return failed;
  }
  close(file);
  return absl::OkStatus();
}

// Creates `dir` and what is missing above it. An event that is durable must
// not be lost with the directory that it is in.
absl::Status CreateDir(const fs::path& dir) {
  std::error_code ignored;
  if (fs::exists(dir, ignored) || !dir.has_relative_path()) {
    return absl::OkStatus();
  }
  absl::Status created = CreateDir(dir.parent_path());
  if (!created.ok()) return created;
  if (mkdir(dir.c_str(), S_IRWXU) != 0) return CannotUse(dir, ErrnoMessage());
  return Sync(dir.parent_path());
}

// True for what a start that was killed before its database was complete may
// leave behind, and for what a fresh file system holds.
bool MayBeInNewDir(std::string_view name) {
  constexpr std::string_view kNames[] = {"LOCK", "IDENTITY", "lost+found"};
  return std::ranges::find(kNames, name) != std::end(kNames) ||
         name.starts_with("LOG") || name.starts_with("MANIFEST-") ||
         name.starts_with("OPTIONS-") || name.ends_with(".dbtmp") ||
         name.ends_with(".log");
}

// Locks the database's lock file, as opening it will do again, and lets go:
// RocksDB's own message would not say what to do about it.
absl::Status CheckUnlocked(const std::string& dir) {
  rocksdb::Env* const env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  const std::string file = dir + "/LOCK";
  const rocksdb::Status locked = env->LockFile(file, &lock);
  if (locked.ok()) return FromRocksdb(env->UnlockFile(lock), "unlock " + file);
  // The lock was refused, if the file itself can be opened.
  std::error_code error;
  if (fs::exists(file, error) && access(file.c_str(), W_OK) == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory '", dir,
                     "' is in use by another process; a log has one"));
  }
  return CannotUse(dir, locked.ToString());
}

}  // namespace

absl::StatusOr<bool> PrepareDataDir(const std::string& dir) {
  std::error_code error;
  // Absolute, with no slash at its end.
  const fs::path path = fs::absolute(fs::path(dir) / "", error).parent_path();
  if (error) return CannotUse(dir, error.message());
  absl::Status created = CreateDir(path);
  if (!created.ok()) return created;

  bool has_database = false;
  std::string stranger;
  for (fs::directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == "CURRENT") has_database = true;
    if (!MayBeInNewDir(name)) stranger = name;
  }
  if (error) return CannotUse(dir, error.message());
  if (!has_database && !stranger.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "data directory '", dir, "' holds other files, such as '", stranger,
        "', and no log; allowed is an empty or missing directory, or one that "
        "holds a log"));
  }
  absl::Status unlocked = CheckUnlocked(dir);
  if (!unlocked.ok()) return unlocked;
  return has_database;
}

absl::Status SyncWriteAheadLogs(const std::string& dir) {
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != ".log") continue;
    absl::Status synced = Sync(it->path());
    if (!synced.ok()) return synced;
  }
  return error ? CannotUse(dir, error.message()) : absl::OkStatus();
}

absl::StatusOr<DiskSpace> GetDiskSpace(const std::string& dir) {
  struct statvfs stats = {};
  if (statvfs(dir.c_str(), &stats) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot tell the free space of '", dir, "': ", ErrnoMessage()));
  }
  return DiskSpace{.free_bytes = uint64_t{stats.f_bavail} * stats.f_frsize,
                   .size_bytes = uint64_t{stats.f_blocks} * stats.f_frsize};
}

absl::StatusOr<uint64_t> GetDiskUsage(const std::string& dir) {
  constexpr uint64_t kBlockBytes = 512;  // of st_blocks, whatever the disk has
  struct stat info = {};
  if (stat(dir.c_str(), &info) != 0) return CannotUse(dir, ErrnoMessage());
  auto blocks = static_cast<uint64_t>(info.st_blocks);
  std::error_code error;
  for (fs::recursive_directory_iterator it(dir, error), end;
       !error && it != end; it.increment(error)) {
    // What has just been removed takes nothing.
    if (lstat(it->path().c_str(), &info) != 0) continue;
    blocks += static_cast<uint64_t>(info.st_blocks);
  }
  if (error) return CannotUse(dir, error.message());
  return blocks * kBlockBytes;
}

}  // namespace enveloperelay
