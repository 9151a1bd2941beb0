#include "tests/integration/log/writer_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "tests/support/child_process.h"

namespace enveloperelay::testing {

WriterProcess::WriterProcess(const std::string& dir, const std::string& name,
                             size_t file_bytes_max) {
  // A pipe with a name, which blocks a writer that is read too slowly. Open
  // for writing here, too, so that the writer need not wait to open it.
  const std::string pipe = dir_.File("said");
  RELAY_CHECK(mkfifo(pipe.c_str(), S_IRUSR | S_IWUSR) == 0);
  said_ = open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  RELAY_CHECK(said_ >= 0);
  process_ = std::make_unique<ChildProcess>(
      Command{.program = LOG_WRITER,
              .arguments = {dir, name, absl::StrCat(file_bytes_max)},
              .output_file = pipe,
              .error_file = "/dev/stderr"});
}

WriterProcess::~WriterProcess() { close(said_); }

std::optional<std::string> WriterProcess::NextLine() {
  bool ended = false;
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t count = read(said_, bytes, sizeof(bytes));
    if (count > 0) {
      buffer_.append(bytes, static_cast<size_t>(count));
      continue;
    }
    // What it said before it ended was in the pipe when that was read.
    if (ended) return std::nullopt;
    pollfd changed[] = {
        {.fd = said_, .events = POLLIN, .revents = 0},
        {.fd = process_->pidfd(), .events = POLLIN, .revents = 0}};
    poll(changed, 2, /*timeout=*/-1);
    ended = changed[1].revents != 0;
  }
}

}  // namespace enveloperelay::testing
