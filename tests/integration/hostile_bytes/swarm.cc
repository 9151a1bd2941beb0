#include "tests/integration/hostile_bytes/swarm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/hostile_bytes/mutation.h"

namespace enveloperelay::testing {
namespace {

// One of so many connections waits.
constexpr uint64_t kWaitsOneIn = 500;

constexpr std::string_view kVersion = "HTTP/1.1 ";

template <typename Value>
void SetOption(int fd, int level, int name, Value value) {
  setsockopt(fd, level, name, &value, sizeof(value));
}

// NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
bool Bind(int fd, uint32_t ip) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0;
}

bool Connect(int fd, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)) == 0 ||
         errno == EINPROGRESS;
}
// NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)

}  // namespace

Swarm::Swarm(const Options& options)
    : options_(options),
      random_(options.seed),
      connections_(options.connections) {}

Swarm::~Swarm() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) close(connection.fd);
  }
}

void Swarm::Run(RequestMaker& requests, size_t count) {
  while ((count > 0 || open_ > 0) && problems_.empty()) {
    for (Connection& connection : connections_) {
      if (count == 0 || connection.fd >= 0) continue;
      if (!Open(connection, requests.Next())) return;
      --count;
    }
    Step();
  }
}

bool Swarm::Open(Connection& connection, HostileRequest request) {
  const size_t size = request.bytes.size();
  connection = {.request = std::move(request),
                .first_piece = random_() % (size + 1),
                .waits = random_() % kWaitsOneIn == 0,
                .deadline = absl::Now() + options_.limit};
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  SetOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  // Ports are not kept after the end.
  SetOption(fd, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
  // 127.1.0.0 to 127.1.255.255.
  const auto ip = static_cast<uint32_t>(0x7F010000U | (random_() & 0xFFFFU));
  connection.fd = fd;
  ++open_;
  if (Bind(fd, ip) && Connect(fd, options_.port)) return true;
  Problem(connection, absl::StrCat("cannot connect: ", std::strerror(errno)));
  return false;
}

void Swarm::Step() {
  std::vector<pollfd> polled;
  polled.reserve(connections_.size());
  for (const Connection& connection : connections_) {
    const bool sends =
        connection.sent < connection.request.bytes.size() && !connection.broken;
    const int events = sends ? POLLIN | POLLOUT : POLLIN;
    polled.push_back({.fd = connection.fd,
                      .events = static_cast<int16_t>(events),
                      .revents = 0});
  }
  constexpr int kTickMilliseconds = 100;
  poll(polled.data(), polled.size(), kTickMilliseconds);
  const absl::Time now = absl::Now();
  for (size_t i = 0; i < polled.size(); ++i) {
    Connection& connection = connections_[i];
    if (connection.fd < 0) continue;
    if ((polled[i].revents & POLLOUT) != 0) Send(connection);
    const bool news = (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
    if (news && Receive(connection)) {
      Finish(connection);
    } else if (now > connection.deadline) {
      Problem(connection, "neither answered nor closed in time");
    }
  }
}

void Swarm::Send(Connection& connection) {
  const std::string_view bytes = connection.request.bytes;
  if (connection.broken || connection.sent == bytes.size()) return;
  const size_t end = connection.sent < connection.first_piece
                         ? connection.first_piece
                         : bytes.size();
  const std::string_view piece =
      bytes.substr(connection.sent, end - connection.sent);
  const ssize_t sent =
      send(connection.fd, piece.data(), piece.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    connection.sent += static_cast<size_t>(sent);
  } else if (errno != EAGAIN && errno != EINTR) {
    // There may be an answer to read, all the same.
    connection.broken = true;
  }
  if (connection.sent == bytes.size() && !connection.waits) {
    shutdown(connection.fd, SHUT_WR);
  }
}

bool Swarm::Receive(Connection& connection) {
  std::array<char, 4096> buffer{};
  const ssize_t size = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (size <= 0) return size == 0 || (errno != EAGAIN && errno != EINTR);
  connection.received.append(buffer.data(), static_cast<size_t>(size));
  // Who waits is content with an answer.
  return connection.waits &&
         connection.received.find("\r\n\r\n") != std::string::npos;
}

void Swarm::Finish(Connection& connection) {
  const std::string& answer = connection.received;
  int status = 0;
  if (!answer.empty()) {
    constexpr size_t kStatusSize = 3;
    status = std::atoi(
        answer.substr(std::min(kVersion.size(), answer.size()), kStatusSize)
            .c_str());
    if (!answer.starts_with(kVersion) || status < 100 || status > 599) {
      Problem(connection, "the answer is no HTTP");
      return;
    }
  }
  if (status == 500 || status == 503) {
    Problem(connection, absl::StrCat("answered with ", status));
    return;
  }
  if (connection.request.framed && status == 0) {
    Problem(connection, "closed without an answer");
    return;
  }
  ++answers_[status];
  close(std::exchange(connection.fd, -1));
  --open_;
}

void Swarm::Problem(const Connection& connection, const std::string& what) {
  constexpr size_t kShown = 2000;
  problems_.push_back(absl::StrCat(
      what, "\nrequest: ",
      absl::CHexEscape(connection.request.bytes.substr(0, kShown)),
      "\nanswer: ", absl::CHexEscape(connection.received.substr(0, kShown))));
}

}  // namespace enveloperelay::testing
