#ifndef ENVELOPE_RELAY_TESTS_LOAD_FD_H_
#define ENVELOPE_RELAY_TESTS_LOAD_FD_H_

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"

namespace enveloperelay::load {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd& operator=(Fd&&) = delete;
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Connects to 127.0.0.1:`port`, with TCP_NODELAY.
absl::StatusOr<Fd> ConnectTcp(uint16_t port);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_FD_H_
