#include "client/envelopectl/execute.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {
namespace {

// A file in memory. Unlike a pipe, it neither blocks us nor breaks when the
// command leaves it unread.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("event", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }

  // Makes `text` what is read from it.
  absl::Status Fill(std::string_view text) const {
    constexpr char kFailed[] = "cannot keep the event in memory";
    if (fd_ < 0) return absl::ErrnoToStatus(errno, kFailed);
    while (!text.empty()) {
      const ssize_t n = write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return absl::ErrnoToStatus(errno, kFailed);
      text.remove_prefix(static_cast<size_t>(n));
    }
    if (lseek(fd_, 0, SEEK_SET) < 0) return absl::ErrnoToStatus(errno, kFailed);
    return absl::OkStatus();
  }

 private:
  const int fd_;
};

// What the command gets of us: signals as a shell expects them.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETSIGDEF |
                                               POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_ = {};
};

// Its standard streams.
class SpawnFiles {
 public:
  explicit SpawnFiles(int input) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
  }
  ~SpawnFiles() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnFiles(const SpawnFiles&) = delete;
  SpawnFiles& operator=(const SpawnFiles&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_ = {};
};

absl::StatusOr<pid_t> Spawn(std::string command, int input) {
  std::string shell = "sh";
  std::string option = "-c";
  const std::array<char*, 4> arguments = {shell.data(), option.data(),
                                          command.data(), nullptr};
  const SpawnAttributes attributes;
  const SpawnFiles files(input);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, "/bin/sh", files.get(), attributes.get(),
                                arguments.data(), environ);
  if (error != 0) return absl::ErrnoToStatus(error, "cannot start /bin/sh");
  return pid;
}

Handled CouldNotStart(const absl::Status& status) {
  return Handled::Retry({.delay = {}, .reason = std::string(status.message())});
}

Handled WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return Handled::DeadLetter(absl::StrFormat("signal %d", WTERMSIG(status)));
  }
  const int code = WEXITSTATUS(status);
  if (code == EX_OK) return Handled::Done();
  std::string reason = absl::StrFormat("exit code %d", code);
  if (code == EX_TEMPFAIL) {
    return Handled::Retry({.delay = {}, .reason = std::move(reason)});
  }
  return Handled::DeadLetter(std::move(reason));
}

}  // namespace

Handled Execute(const std::string& command, std::string_view input) {
  const MemoryFile file;
  if (const absl::Status status = file.Fill(input); !status.ok()) {
    return CouldNotStart(status);
  }
  const absl::StatusOr<pid_t> pid = Spawn(command, file.fd());
  if (!pid.ok()) return CouldNotStart(pid.status());
  return WaitFor(*pid);
}

}  // namespace enveloperelay::client
