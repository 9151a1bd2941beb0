#include "server/http/connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/logging.h"
#include "server/base/traceparent.h"
#include "server/http/chunked_body.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/options.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/http/transport.h"

namespace enveloperelay {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Room for one read. Holds a whole webhook of the usual size.
constexpr size_t kReadBytes = 4096;
// What a connection keeps of its buffers from one request to the next.
constexpr size_t kBufferBytesKept = 8192;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

HttpConnection::Time AgeEnd(absl::Duration age_max) {
  thread_local std::minstd_rand random(std::random_device{}());
  const double part = std::uniform_real_distribution<>(0.8, 1)(random);
  return std::chrono::steady_clock::now() +
         absl::ToChronoNanoseconds(age_max * part);
}

}  // namespace

std::string_view HttpThreadState::Date() {
  const absl::Time now = clock.Now();
  // Written anew once a second.
  if (now < date_time_ || now >= date_time_ + absl::Seconds(1)) {
    date_time_ = absl::FromUnixSeconds(absl::ToUnixSeconds(now));
    date_ = HttpDate(now);
  }
  return date_;
}

HttpConnection::HttpConnection(HttpSocket socket, SslPtr tls, HttpPeer peer,
                               HttpThreadState& state)
    : transport_(std::move(socket), std::move(tls)),
      state_(state),
      peer_(std::move(peer)),
      age_end_(AgeEnd(state.options.connection_age_max)) {}

Awaitable<void> HttpConnection::Serve() {
  Next next = Next::kRequest;
  if (transport_.is_tls()) next = co_await ShakeHands();
  while (next == Next::kRequest) next = co_await ServeRequest();
  if (next == Next::kLinger) co_await Linger();
}

Awaitable<void> HttpConnection::TurnAway(Reason reason,
                                         std::string_view detail) {
  Next next = Next::kRequest;
  if (transport_.is_tls()) next = co_await ShakeHands();
  if (next == Next::kRequest) {
    Refuse(reason, detail);
    next = co_await WriteLastAnswer();
  }
  if (next == Next::kLinger) co_await Linger();
}

Awaitable<HttpConnection::Next> HttpConnection::ShakeHands() {
  SetTimeout(state_.options.header_timeout);
  idle_ = true;
  const Handshake handshake = co_await transport_.ShakeHands();
  idle_ = false;
  if (handshake == Handshake::kDone) co_return Next::kRequest;
  if (handshake == Handshake::kGone && !timed_out_) co_return Next::kClose;
  state_.handler.OnHandshakeFailed();
  if (handshake == Handshake::kGone) co_return Next::kClose;
  if (handshake == Handshake::kRefused) co_return Next::kLinger;
  Refuse(Reason::kBadRequest, "this port speaks TLS");
  const Next next = co_await WriteLastAnswer();
  co_return next;
}

Awaitable<HttpConnection::Next> HttpConnection::ServeRequest() {
  answer_.reset();
  co_await ReadHead();
  if (!answer_ && !gone_) Admit();
  if (!answer_ && !gone_) co_await ReadBody();
  if (gone_) co_return Next::kClose;

  // A body that was not read would be taken for the next request.
  bool stays_open = head_ && (!answer_ || !head_->has_body());
  if (!answer_) {
    deadline_ = Time::max();
    answer_ = co_await state_.handler.Respond(*head_, peer_, request_body_);
  }
  stays_open = stays_open && head_->keep_alive && !state_.draining && !aged_;

  ConnectionField connection = ConnectionField::kClose;
  if (stays_open) {
    connection = head_->minor_version == 1 ? ConnectionField::kNone
                                           : ConnectionField::kKeepAlive;
  }
  out_.clear();
  AppendResponse(*answer_,
                 {.date = state_.Date(),
                  .traceparent = traceparent(),
                  .connection = connection,
                  .without_body = head_ && head_->method == "HEAD"},
                 out_);
  const bool written = co_await Write(out_);
  if (!written) co_return Next::kClose;
  if (head_) {
    state_.handler.OnAnswered(answer_->status,
                              std::chrono::steady_clock::now() - head_time_);
  }
  if (!stays_open) co_return Next::kLinger;
  Consume();
  co_return Next::kRequest;
}

Awaitable<HttpConnection::Next> HttpConnection::WriteLastAnswer() {
  out_.clear();
  AppendResponse(*answer_,
                 {.date = state_.Date(), .connection = ConnectionField::kClose},
                 out_);
  const bool written = co_await Write(out_);
  co_return written ? Next::kLinger : Next::kClose;
}

Awaitable<void> HttpConnection::ReadHead() {
  head_.reset();
  // Some of it came behind the request before.
  if (in_.size() > 0) SetTimeout(state_.options.header_timeout);
  size_t seen = 0;
  while (true) {
    const std::string_view bytes = buffered();
    // Only the first byte is news, the end of a line, or that there is none.
    if ((seen == 0 && !bytes.empty()) ||
        bytes.find('\n', seen) != std::string_view::npos ||
        bytes.size() > std::min(kRequestLineBytesMax, kHeaderBytesMax)) {
      const auto head = ParseHead(bytes);
      if (!head.ok()) {
        Refuse(head.status().code() == absl::StatusCode::kUnimplemented
                   ? Reason::kNotImplemented
                   : Reason::kBadRequest,
               std::string(head.status().message()));
        co_return;
      }
      if (head->has_value()) {
        head_ = **head;
        head_time_ = std::chrono::steady_clock::now();
        trace_ = Traceparent::Read(head_->traceparent);
        if (!trace_) trace_ = Traceparent::Make();
        head_->traceparent = trace_->text();
        request_bytes_ = head_->size;
        co_return;
      }
    }
    seen = bytes.size();
    const bool more = co_await ReadMoreOfHead();
    if (!more) co_return;
  }
}

Awaitable<bool> HttpConnection::ReadMoreOfHead() {
  idle_ = in_.size() == 0;
  if (idle_ && state_.draining) {
    gone_ = true;
    co_return false;
  }
  if (idle_) {
    SetTimeout(served_any_ ? state_.options.idle_timeout
                           : state_.options.header_timeout);
  }
  const bool first = idle_;
  const auto [error, size] =
      co_await transport_.ReadSome(in_.prepare(kReadBytes));
  idle_ = false;
  if (error && first) {
    gone_ = true;
  } else if (error) {
    ReadFailed(error, "the head took too long");
  }
  if (error) co_return false;
  in_.commit(size);
  // The time for a head runs from its first byte, however many follow.
  if (first) SetTimeout(state_.options.header_timeout);
  co_return true;
}

void HttpConnection::Admit() {
  answer_ = state_.handler.Admit(*head_, peer_);
  if (answer_) return;
  if (state_.draining) {
    Refuse(Reason::kUnavailable, "the server is being stopped");
  } else if (head_->content_length.value_or(0) >
             state_.options.body_bytes_max) {
    Refuse(Reason::kBodyTooLarge,
           absl::StrCat("the body may have at most ",
                        state_.options.body_bytes_max, " bytes"));
  }
}

Awaitable<void> HttpConnection::ReadBody() {
  request_body_ = {};
  if (!head_->has_body()) co_return;
  body_begin_ = std::chrono::steady_clock::now();
  if (head_->expects_continue && in_.size() == head_->size) {
    const bool written = co_await Write(kContinue);
    gone_ = !written;
    if (gone_) co_return;
  }
  if (head_->chunked) {
    co_await ReadChunkedBody();
  } else {
    co_await ReadSizedBody(*head_->content_length);
  }
}

Awaitable<void> HttpConnection::ReadSizedBody(size_t size) {
  const std::string_view came_along = buffered().substr(head_->size);
  if (came_along.size() >= size) {
    request_body_ = came_along.substr(0, size);
    request_bytes_ = head_->size + size;
    co_return;
  }
  request_bytes_ = in_.size();
  body_.assign(came_along);
  while (body_.size() < size) {
    // Grows with what has arrived, not with what was announced.
    const size_t received = body_.size();
    const size_t room =
        std::min(size - received, std::max(received, kReadBytes));
    body_.resize(received + room);
    const size_t read = co_await ReadSomeOfBody(
        asio::buffer(body_.data() + received, room), received);
    if (read == 0) co_return;
    body_.resize(received + read);
  }
  request_body_ = body_;
}

Awaitable<void> HttpConnection::ReadChunkedBody() {
  ChunkedBody chunks(state_.options.body_bytes_max);
  std::string raw(buffered().substr(head_->size));
  request_bytes_ = in_.size();
  while (true) {
    const absl::StatusOr<size_t> decoded = chunks.Decode(raw);
    if (!decoded.ok()) {
      const bool too_large =
          decoded.status().code() == absl::StatusCode::kOutOfRange;
      Refuse(too_large ? Reason::kBodyTooLarge : Reason::kBadRequest,
             std::string(decoded.status().message()));
      co_return;
    }
    if (chunks.done()) {
      read_ahead_ = raw.substr(*decoded);
      break;
    }
    raw.resize(kReadBytes);
    const size_t read =
        co_await ReadSomeOfBody(asio::buffer(raw), chunks.body().size());
    if (read == 0) co_return;
    raw.resize(read);
  }
  body_ = std::move(chunks.body());
  request_body_ = body_;
}

Awaitable<size_t> HttpConnection::ReadSomeOfBody(asio::mutable_buffer into,
                                                 size_t received) {
  const double earned_seconds =
      static_cast<double>(received) /
      static_cast<double>(state_.options.body_rate_min);
  timed_out_ = false;
  deadline_ =
      body_begin_ + absl::ToChronoNanoseconds(state_.options.body_grace +
                                              absl::Seconds(earned_seconds));
  const auto [error, size] = co_await transport_.ReadSome(into);
  if (error) ReadFailed(error, "the body came too slowly");
  co_return error ? 0 : size;
}

void HttpConnection::ReadFailed(const error_code& error, const char* slow) {
  if (timed_out_) {
    Refuse(Reason::kRequestTimeout, slow);
  } else if (error == asio::error::eof) {
    Refuse(Reason::kBadRequest, "the request ended early");
  } else {
    gone_ = true;
  }
}

Awaitable<bool> HttpConnection::Write(std::string_view bytes) {
  SetTimeout(state_.options.idle_timeout);
  while (!bytes.empty()) {
    const auto [error, size] =
        co_await transport_.WriteSome(asio::buffer(bytes.data(), bytes.size()));
    if (error) co_return false;
    bytes.remove_prefix(size);
  }
  co_return true;
}

Awaitable<void> HttpConnection::Linger() {
  SetTimeout(kLingerTimeout);
  co_await transport_.FinishWriting();
  in_.clear();
  size_t discarded = 0;
  while (discarded < kLingerBytesMax) {
    const auto [error, size] =
        co_await transport_.Discard(in_.prepare(kReadBytes));
    if (error) co_return;
    discarded += size;
  }
}

void HttpConnection::Consume() {
  served_any_ = true;
  in_.consume(request_bytes_);
  if (!read_ahead_.empty()) {
    in_.commit(asio::buffer_copy(in_.prepare(read_ahead_.size()),
                                 asio::buffer(read_ahead_)));
    read_ahead_.clear();
  }
  if (in_.size() == 0 && in_.capacity() > kBufferBytesKept) in_.shrink_to_fit();
  if (body_.capacity() > kBufferBytesKept) body_ = std::string();
  if (out_.capacity() > kBufferBytesKept) out_ = std::string();
}

void HttpConnection::Refuse(Reason reason, std::string_view detail) {
  if (LogsDebug()) {
    LogDebug("request not taken",
             {{LogKey::kPeer, peer_.address.to_string()},
              {LogKey::kReason, NameOf(reason)},
              {LogKey::kDetail, detail},
              {LogKey::kTraceId, TraceIdOf(traceparent())}});
  }
  state_.handler.OnRefused(reason);
  answer_ = ProblemResponse(reason, detail);
}

std::string_view HttpConnection::traceparent() const {
  return head_ ? head_->traceparent : std::string_view();
}

std::string_view HttpConnection::buffered() const {
  const auto bytes = in_.cdata();
  return {static_cast<const char*>(bytes.data()), bytes.size()};
}

void HttpConnection::SetTimeout(absl::Duration timeout) {
  timed_out_ = false;
  deadline_ =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
}

void HttpConnection::CheckDeadline(Time now) {
  if (now >= age_end_) aged_ = true;
  const bool too_late = now >= deadline_;
  if (too_late) timed_out_ = true;
  // Each time anew: one may come when an operation has just completed, and the
  // next has yet to begin.
  if (too_late || (idle_ && state_.draining)) transport_.Cancel();
}

void HttpConnection::EndIfIdle() {
  if (idle_) transport_.Cancel();
}

}  // namespace enveloperelay
