#include "tests/support/silent_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "server/base/check.h"

namespace enveloperelay::testing {
namespace {

// What is asked of the proxy's thread.
constexpr uint64_t kSilence = 1;
constexpr uint64_t kEnd = uint64_t{1} << 32U;

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int TcpSocket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  RELAY_CHECK(fd >= 0);
  return fd;
}

void Post(int event, uint64_t value) {
  RELAY_CHECK(write(event, &value, sizeof(value)) == sizeof(value));
}

uint64_t Take(int event) {
  uint64_t value = 0;
  RELAY_CHECK(read(event, &value, sizeof(value)) == sizeof(value));
  return value;
}

}  // namespace

SilentProxy::SilentProxy(uint16_t port)
    : port_(port),
      listener_(TcpSocket()),
      requests_(eventfd(0, EFD_CLOEXEC)),
      silenced_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  RELAY_CHECK(bind(listener_, any, size) == 0);
  RELAY_CHECK(listen(listener_, SOMAXCONN) == 0);
  RELAY_CHECK(getsockname(listener_, any, &size) == 0);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Run(); });
}

SilentProxy::~SilentProxy() {
  Post(requests_, kEnd);
  thread_.join();
  for (const std::vector<Link>* links : {&links_, &silent_}) {
    for (const Link& link : *links) {
      close(link.client);
      close(link.server);
    }
  }
  close(listener_);
  close(requests_);
  close(silenced_);
}

void SilentProxy::Silence() {
  Post(requests_, kSilence);
  Take(silenced_);
}

void SilentProxy::Run() {
  while (true) {
    std::vector<pollfd> watched = {
        {.fd = requests_, .events = POLLIN, .revents = 0},
        {.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Link& link : links_) {
      watched.push_back({.fd = link.client, .events = POLLIN, .revents = 0});
      watched.push_back({.fd = link.server, .events = POLLIN, .revents = 0});
    }
    if (poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR
    if (watched[0].revents != 0) {
      if (Take(requests_) >= kEnd) return;
      silent_.insert(silent_.end(), links_.begin(), links_.end());
      links_.clear();
      Post(silenced_, 1);
      continue;
    }
    for (size_t i = 0; i < links_.size(); ++i) {
      Link& link = links_[i];
      if (watched[2 + 2 * i].revents != 0) Pass(link, link.client, link.server);
      if (watched[3 + 2 * i].revents != 0) Pass(link, link.server, link.client);
    }
    std::erase_if(links_, [](const Link& link) { return !link.open; });
    if (watched[1].revents != 0) Accept();
  }
}

void SilentProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = TcpSocket();
  const sockaddr_in address = Loopback(port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0) {
    close(client);
    close(server);
    return;
  }
  links_.push_back({.client = client, .server = server});
}

// Passes on what has come, and the end of the connection.
void SilentProxy::Pass(Link& link, int from, int to) {
  if (!link.open) return;
  std::array<char, 16384> buffer;
  const ssize_t received = recv(from, buffer.data(), buffer.size(), 0);
  ssize_t sent = 0;
  while (sent < received) {
    const ssize_t n = send(to, buffer.data() + sent,
                           static_cast<size_t>(received - sent), MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += n;
  }
  if (received > 0 && sent == received) return;
  close(link.client);
  close(link.server);
  link.open = false;
}

}  // namespace enveloperelay::testing
