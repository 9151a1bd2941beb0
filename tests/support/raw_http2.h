#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP2_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP2_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/check.h"

namespace enveloperelay::testing {

// Frames of HTTP/2 (RFC 9113), right or wrong as a test says.
namespace http2 {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kContinuation = 9,
};

inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Big-endian.
inline std::string Number(uint64_t value, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = size; i-- > 0; value >>= 8U) {
    bytes[i] = static_cast<char>(value & 0xFFU);
  }
  return bytes;
}

inline std::string Frame(FrameType type, uint8_t flags, uint32_t stream,
                         std::string_view payload) {
  return Number(payload.size(), 3) + Number(type, 1) + Number(flags, 1) +
         Number(stream, 4) + std::string(payload);
}

// How a connection begins.
inline std::string Begin() {
  return std::string(kPreface) + Frame(kSettings, 0, 0, "");
}

// A string of HPACK (RFC 7541, 5.2) that is no longer than 126 bytes.
inline std::string HpackString(std::string_view text) {
  return Number(text.size(), 1) + std::string(text);
}

// The headers of a gRPC call, by the static table; nothing is indexed.
inline std::string CallHeaders(std::string_view path) {
  return std::string("\x83\x86") +  // :method POST, :scheme http
         '\x04' + HpackString(path) + '\x01' +
         HpackString("127.0.0.1") +                      // :authority
         "\x0f\x10" + HpackString("application/grpc") +  // content-type
         '\0' + HpackString("te") + HpackString("trailers");
}

}  // namespace http2

// A TCP connection to 127.0.0.1 that sends bytes and reads none unless it is
// told to.
class RawSocket {
 public:
  explicit RawSocket(uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    RELAY_CHECK(fd_ >= 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                    sizeof(address)) == 0;
  }
  ~RawSocket() {
    if (fd_ >= 0) close(fd_);
  }
  RawSocket(RawSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), open_(other.open_) {}
  RawSocket& operator=(RawSocket&&) = delete;

  bool open() const { return open_; }

  // Sends all of it, as far as the other end takes it within `patience`. False:
  // it has closed, or takes no more.
  bool Send(std::string_view bytes,
            absl::Duration patience = absl::Milliseconds(200)) {
    while (open_ && !bytes.empty()) {
      const ssize_t sent =
          send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        if (!WaitFor(POLLOUT, patience)) return false;
      } else {
        open_ = false;
      }
    }
    return open_;
  }

  // Reads what there is, and forgets it.
  void Discard() {
    std::array<char, 16384> bytes = {};
    while (open_) {
      const ssize_t got = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) open_ = false;
    }
  }
  // Says that nothing more will come, and waits until the other end has seen
  // all there was: until it closes.
  void Finish() {
    shutdown(fd_, SHUT_WR);
    IsClosedWithin(absl::Seconds(10));
  }
  // Whether the other end closes within `timeout`, whatever it says before.
  bool IsClosedWithin(absl::Duration timeout) {
    const absl::Time deadline = absl::Now() + timeout;
    for (Discard(); open_ && absl::Now() < deadline; Discard()) {
      WaitFor(POLLIN, deadline - absl::Now());
    }
    return !open_;
  }

 private:
  bool WaitFor(short events, absl::Duration timeout) const {
    pollfd ready = {.fd = fd_, .events = events, .revents = 0};
    const auto millis =
        static_cast<int>(absl::ToInt64Milliseconds(timeout)) + 1;
    return poll(&ready, 1, millis) > 0;
  }

  int fd_;
  bool open_ = false;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP2_H_
