#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_CLOSED_PORT_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_CLOSED_PORT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "server/base/check.h"

namespace enveloperelay::testing {

// A loopback port that refuses connections for as long as this lives: it is
// bound, so that nobody else takes it, but not listened on.
class ClosedPort {
 public:
  ClosedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    RELAY_CHECK(bind(fd_, any, size) == 0);
    RELAY_CHECK(getsockname(fd_, any, &size) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~ClosedPort() { close(fd_); }
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  // "127.0.0.1:12345"
  const std::string& address() const { return address_; }

 private:
  const int fd_;
  std::string address_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_CLOSED_PORT_H_
