#include "client/envelopectl/output.h"

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/status/status.h"

namespace enveloperelay::client {

bool Output::IsTerminal() const { return ::isatty(fd_) == 1; }

absl::Status Output::Flush() {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      reader_gone_ = errno == EPIPE;
      return absl::ErrnoToStatus(errno, "cannot write the output");
    }
    rest.remove_prefix(static_cast<size_t>(n));
  }
  text_.clear();
  return absl::OkStatus();
}

bool ColorsWanted() {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody writes the environment.
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  // NOLINTEND(concurrency-mt-unsafe)
  return (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace enveloperelay::client
