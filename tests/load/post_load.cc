#include "tests/load/post_load.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/load/fd.h"
#include "tests/load/machine.h"
#include "tests/load/webhook_request.h"

namespace enveloperelay::load {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int kAnswerTimeoutMillis = 10'000;

struct Connection {
  Fd socket;
  WebhookRequest request;
  uint64_t number = 0;  // of the webhook that waits for its answer
  SteadyTime sent_at;
  std::array<char, 4096> in{};
  size_t in_size = 0;
};

struct Answer {
  size_t size = 0;  // head and body; 0: not complete yet
  uint64_t sequence = 0;
};

absl::Status Refused(const std::string& why, std::string_view answer) {
  return absl::FailedPreconditionError(why + ": " + std::string(answer));
}

std::optional<size_t> ContentLength(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto found = std::ranges::search(
      head, kName, [](char a, char b) { return a == b || (a | ' ') == b; });
  if (found.empty()) return std::nullopt;
  const char* digits = &*found.begin() + kName.size();
  const char* const end = head.data() + head.size();
  while (digits != end && *digits == ' ') ++digits;
  size_t length = 0;
  if (std::from_chars(digits, end, length).ec != std::errc()) {
    return std::nullopt;
  }
  return length;
}

// Reads the answer at the start of `in`.
absl::StatusOr<Answer> ParseAnswer(std::string_view in) {
  const size_t head_size = in.find("\r\n\r\n");
  if (head_size == std::string_view::npos) return Answer();
  const std::string_view head = in.substr(0, head_size);
  const std::optional<size_t> length = ContentLength(head);
  if (!length.has_value()) return Refused("no Content-Length", head);
  Answer answer{.size = head_size + 4 + *length};
  if (in.size() < answer.size) return Answer();
  if (!head.starts_with("HTTP/1.1 200 ")) {
    return Refused("not 200", in.substr(0, answer.size));
  }
  const std::string_view body = in.substr(head_size + 4, *length);
  constexpr std::string_view kSequence = R"("sequence":")";
  const size_t sequence = body.find(kSequence);
  if (sequence == std::string_view::npos ||
      std::from_chars(body.data() + sequence + kSequence.size(),
                      body.data() + body.size(), answer.sequence)
              .ec != std::errc()) {
    return Refused("no sequence", body);
  }
  if (body.find(R"("duplicate":false)") == std::string_view::npos) {
    return Refused("not marked as new", body);
  }
  return answer;
}

// A closed loop on one thread: a system call to send and one to receive a
// webhook, and one wait for all the answers there are.
class Loop {
 public:
  explicit Loop(PostOptions options)
      : options_(std::move(options)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  absl::Status Open();
  absl::StatusOr<PostResult> Run();

 private:
  absl::Status Send(Connection& connection, SteadyTime now);
  absl::Status Receive(Connection& connection);
  void Record(const Connection& connection, const Answer& answer,
              SteadyTime now);
  bool TakesMore(SteadyTime now) const {
    return now < end_ && next_number_ < options_.webhooks_max;
  }

  const PostOptions options_;
  Fd epoll_;
  std::vector<Connection> connections_;
  SteadyTime begin_;  // of what is measured
  SteadyTime end_;
  uint64_t next_number_ = 0;
  size_t in_flight_ = 0;
  SteadyTime last_answer_;
  SteadyTime next_send_;  // not before
  std::vector<uint32_t> latencies_micros_;
  PostResult result_;
};

absl::Status Loop::Open() {
  if (epoll_.get() < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  connections_.reserve(options_.connections);
  for (size_t i = 0; i < options_.connections; ++i) {
    absl::StatusOr<Fd> socket = ConnectTcp(options_.port);
    if (!socket.ok()) return socket.status();
    connections_.push_back(
        Connection{.socket = *std::move(socket),
                   .request = MakeWebhookRequest(options_.token, i),
                   .sent_at = {}});
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connections_[i].socket.get(),
                  &event) != 0) {
      return absl::ErrnoToStatus(errno, "epoll_ctl");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PostResult> Loop::Run() {
  const SteadyTime start = std::chrono::steady_clock::now();
  begin_ = start + absl::ToChronoNanoseconds(options_.warm_up);
  end_ = begin_ + absl::ToChronoNanoseconds(options_.measured);
  last_answer_ = start;
  for (Connection& connection : connections_) {
    if (!TakesMore(start)) break;
    const absl::Status sent = Send(connection, start);
    if (!sent.ok()) return sent;
  }
  std::array<epoll_event, 256> events{};
  while (in_flight_ > 0) {
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                   kAnswerTimeoutMillis);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, "epoll_wait");
    if (count == 0) return absl::UnavailableError("no answer for 10 s");
    for (int i = 0; i < count; ++i) {
      const absl::Status received =
          Receive(connections_[events[static_cast<size_t>(i)].data.u64]);
      if (!received.ok()) return received;
    }
  }
  if (result_.measured_count == 0) {
    return absl::UnavailableError("no answer within the measured time");
  }
  result_.measured = absl::FromChrono(std::min(last_answer_, end_) - begin_);
  const auto at = [this](size_t percent) {
    const size_t i = (latencies_micros_.size() - 1) * percent / 100;
    const auto nth = latencies_micros_.begin() + static_cast<ptrdiff_t>(i);
    std::nth_element(latencies_micros_.begin(), nth, latencies_micros_.end());
    return absl::Microseconds(*nth);
  };
  result_.median_latency = at(50);
  result_.p99_latency = at(99);
  return std::move(result_);
}

absl::Status Loop::Send(Connection& connection, SteadyTime now) {
  if (options_.interval > absl::ZeroDuration()) {
    now = std::max(now, next_send_);
    next_send_ = now + absl::ToChronoNanoseconds(options_.interval);
    std::this_thread::sleep_until(now);
  }
  connection.number = next_number_++;
  connection.sent_at = now;
  SetEnvelopeId(connection.request, options_.series, connection.number);
  const std::string& bytes = connection.request.bytes;
  const ssize_t sent =
      send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return absl::ErrnoToStatus(errno, "send");
  if (static_cast<size_t>(sent) != bytes.size()) {
    return absl::UnavailableError("the socket took a part of a request");
  }
  ++in_flight_;
  return absl::OkStatus();
}

absl::Status Loop::Receive(Connection& connection) {
  const ssize_t got =
      recv(connection.socket.get(), connection.in.data() + connection.in_size,
           connection.in.size() - connection.in_size, 0);
  if (got < 0) return absl::ErrnoToStatus(errno, "recv");
  if (got == 0) {
    return absl::UnavailableError(
        "connection closed before its answer was complete");
  }
  connection.in_size += static_cast<size_t>(got);
  const absl::StatusOr<Answer> answer =
      ParseAnswer({connection.in.data(), connection.in_size});
  if (!answer.ok()) return answer.status();
  if (answer->size == 0) return absl::OkStatus();
  if (answer->size != connection.in_size) {
    return absl::FailedPreconditionError("bytes behind an answer");
  }
  connection.in_size = 0;
  --in_flight_;
  const SteadyTime now = std::chrono::steady_clock::now();
  Record(connection, *answer, now);
  return TakesMore(now) ? Send(connection, now) : absl::OkStatus();
}

void Loop::Record(const Connection& connection, const Answer& answer,
                  SteadyTime now) {
  if (result_.sequences.size() <= connection.number) {
    result_.sequences.resize(connection.number + 1);
  }
  result_.sequences[connection.number] = answer.sequence;
  last_answer_ = now;
  if (now < begin_ || now >= end_) return;
  ++result_.measured_count;
  latencies_micros_.push_back(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now -
                                                            connection.sent_at)
          .count()));
}

}  // namespace

absl::StatusOr<PostResult> PostWebhooks(const PostOptions& options) {
  Loop loop(options);
  const absl::Status opened = loop.Open();
  if (!opened.ok()) return opened;
  const absl::Duration cpu = ThreadCpuTime();
  absl::StatusOr<PostResult> result = loop.Run();
  if (result.ok()) result->cpu = ThreadCpuTime() - cpu;
  return result;
}

}  // namespace enveloperelay::load
