#include "tests/support/raw_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace enveloperelay::testing {
namespace {

// Waits until `events` are possible on the socket.
absl::Status WaitFor(int fd, int16_t events, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    pollfd waited = {.fd = fd, .events = events, .revents = 0};
    const auto left = absl::ToInt64Milliseconds(deadline - absl::Now());
    const int ready = poll(&waited, 1, left < 0 ? 0 : static_cast<int>(left));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno == EINTR) continue;
    return absl::DeadlineExceededError("nothing happened on the connection");
  }
}

// Reads a head, without the empty line that ends it.
std::optional<RawResponse> ParseResponse(std::string_view head) {
  RawResponse response;
  size_t end = head.find("\r\n");
  response.status_line = head.substr(0, end);
  if (!response.status_line.starts_with("HTTP/1.1 ") ||
      response.status_line.size() < 12) {
    return std::nullopt;
  }
  response.status = std::atoi(response.status_line.substr(9, 3).c_str());
  while (end != std::string_view::npos) {
    head.remove_prefix(end + 2);
    end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    std::string name(line.substr(0, colon));
    absl::AsciiStrToLower(&name);
    response.fields[name] = line.substr(colon + 2);
  }
  return response;
}

}  // namespace

std::string RawResponse::Field(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

absl::StatusOr<std::optional<RawResponse>> TakeResponse(std::string& received,
                                                        bool to_head) {
  const size_t end = received.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::optional<RawResponse> response =
      ParseResponse(std::string_view(received).substr(0, end));
  if (!response.has_value()) {
    return absl::InternalError("no response: " + received);
  }
  const size_t head_size = end + 4;
  const size_t body_size =
      to_head ? 0
              : static_cast<size_t>(
                    std::atoll(response->Field("content-length").c_str()));
  if (received.size() < head_size + body_size) return std::nullopt;
  response->body = received.substr(head_size, body_size);
  received.erase(0, head_size + body_size);
  return response;
}

absl::StatusOr<RawConnection> RawConnection::Connect(uint16_t port,
                                                     const std::string& from) {
  RawConnection connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the socket API
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (from != "127.0.0.1") {
    const int late = 1;
    setsockopt(connection.fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late,
               sizeof(late));
    inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    if (bind(connection.fd_, generic, sizeof(address)) != 0) {
      return absl::ErrnoToStatus(errno, "bind");
    }
  }
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.fd_, generic, sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "connect");
  }
  const int on = 1;
  setsockopt(connection.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return connection;
}

RawConnection::~RawConnection() {
  if (fd_ >= 0) close(fd_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      received_(std::move(other.received_)) {}

RawConnection& RawConnection::operator=(RawConnection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(received_, other.received_);
  return *this;
}

absl::Status RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const absl::Status ready = WaitFor(fd_, POLLOUT, kPatience);
    if (!ready.ok()) return ready;
    const ssize_t sent =
        send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EINTR && errno != EAGAIN) {
      return absl::UnavailableError("the other end has closed");
    }
  }
  return absl::OkStatus();
}

absl::Status RawConnection::SendByteByByte(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    absl::Status status = Send(bytes.substr(i, 1));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void RawConnection::FinishSending() { shutdown(fd_, SHUT_WR); }

void RawConnection::Reset() {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(std::exchange(fd_, -1));
}

bool RawConnection::SendSome(std::string_view& bytes) {
  const ssize_t sent =
      send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

absl::StatusOr<bool> RawConnection::Receive() {
  std::array<char, 16384> buffer{};
  while (true) {
    const absl::Status ready = WaitFor(fd_, POLLIN, kPatience);
    if (!ready.ok()) return ready;
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) {
      received_.append(buffer.data(), static_cast<size_t>(size));
      return true;
    }
    if (size == 0) return false;
    if (errno != EINTR && errno != EAGAIN) {
      return absl::UnavailableError("the other end has reset the connection");
    }
  }
}

absl::StatusOr<RawResponse> RawConnection::Read(bool to_head) {
  while (true) {
    auto response = TakeResponse(received_, to_head);
    if (!response.ok()) return response.status();
    if (response->has_value()) return **std::move(response);
    const absl::StatusOr<bool> more = Receive();
    if (!more.ok()) return more.status();
    if (!*more) return absl::UnavailableError("closed; got: " + received_);
  }
}

bool RawConnection::IsClosed() {
  if (!received_.empty()) return false;
  const absl::StatusOr<bool> more = Receive();
  return more.ok() && !*more;
}

bool RawConnection::HasNewsWithin(absl::Duration timeout) {
  return !received_.empty() || WaitFor(fd_, POLLIN, timeout).ok();
}

bool RawConnection::EndsWithin(absl::Duration timeout) {
  received_.clear();
  const absl::Time deadline = absl::Now() + timeout;
  std::array<char, 16384> buffer{};
  while (WaitFor(fd_, POLLIN, deadline - absl::Now()).ok()) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size == 0) return true;
    if (size < 0 && errno != EINTR && errno != EAGAIN) return true;
  }
  return false;
}

std::string RawRequest(std::string_view method, std::string_view target,
                       std::string_view body, std::string_view fields) {
  std::string request = std::string(method) + " " + std::string(target) +
                        " HTTP/1.1\r\nHost: relay.example\r\n";
  if (!body.empty() || method == "POST") {
    request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return request.append(fields).append("\r\n").append(body);
}

absl::StatusOr<RawResponse> Fetch(uint16_t port, std::string_view request) {
  absl::StatusOr<RawConnection> connection = RawConnection::Connect(port);
  if (!connection.ok()) return connection.status();
  const absl::Status sent = connection->Send(request);
  if (!sent.ok()) return sent;
  return connection->Read();
}

}  // namespace enveloperelay::testing
