#include "tests/load/http2_stream.h"

#include <enveloperelay/v1/events.pb.h>
#include <poll.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tests/load/fd.h"

namespace enveloperelay::load {
namespace {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
};

constexpr uint8_t kAck = 1;        // of settings and pings
constexpr uint8_t kEndStream = 1;  // of data and headers
constexpr uint8_t kEndHeaders = 4;
constexpr uint8_t kPadded = 8;
constexpr size_t kFrameHeaderSize = 9;
constexpr size_t kPrefixSize = 5;  // of a gRPC message: compressed, length
constexpr uint32_t kStreamId = 1;

// As much as gRPC's own client comes to allow on a fast connection.
constexpr uint32_t kWindow = 4U << 20U;
constexpr uint32_t kFrameMax = 1U << 20U;
constexpr uint32_t kDefaultWindow = 65'535;
constexpr size_t kBufferSize = 256U << 10U;
constexpr int kTimeoutMillis = 30'000;

// Big-endian.
std::string Number(uint64_t value, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = size; i-- > 0; value >>= 8U) {
    bytes[i] = static_cast<char>(value & 0xFFU);
  }
  return bytes;
}

uint32_t NumberAt(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) {
    value = value << 8U | static_cast<unsigned char>(byte);
  }
  return value;
}

std::string MakeFrame(FrameType type, uint8_t frame_flags, uint32_t stream_id,
                      std::string_view payload) {
  std::string frame = Number(payload.size(), 3);
  frame += Number(type, 1) + Number(frame_flags, 1) + Number(stream_id, 4);
  frame += payload;
  return frame;
}

std::string Setting(uint16_t id, uint32_t value) {
  return Number(id, 2) + Number(value, 4);
}

std::string WindowUpdate(uint32_t stream, uint32_t bytes) {
  return MakeFrame(kWindowUpdate, 0, stream, Number(bytes, 4));
}

std::string Preface() {
  constexpr uint16_t kEnablePush = 2;
  constexpr uint16_t kInitialWindowSize = 4;
  constexpr uint16_t kMaxFrameSize = 5;
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
         MakeFrame(kSettings, 0, 0,
                   Setting(kEnablePush, 0) +
                       Setting(kInitialWindowSize, kWindow) +
                       Setting(kMaxFrameSize, kFrameMax)) +
         WindowUpdate(0, kWindow - kDefaultWindow);
}

// A string of HPACK (RFC 7541, 5.2) that is no longer than 126 bytes.
std::string HpackString(std::string_view text) {
  return Number(text.size(), 1) + std::string(text);
}

// Names by the static table (RFC 7541, appendix A), nothing is indexed.
std::string RequestHeaders() {
  return std::string("\x83\x86") +  // :method POST, :scheme http
         '\x04' +
         HpackString("/enveloperelay.v1.EnvelopeEventService/Subscribe") +
         '\x01' + HpackString("127.0.0.1") +             // :authority
         "\x0f\x10" + HpackString("application/grpc") +  // content-type
         '\0' + HpackString("te") + HpackString("trailers");
}

}  // namespace

Http2Stream::Http2Stream(Fd socket)
    : socket_(std::move(socket)), in_(kBufferSize) {}

absl::StatusOr<Http2Stream> Http2Stream::Open(uint16_t port) {
  absl::StatusOr<Fd> socket = ConnectTcp(port);
  if (!socket.ok()) return socket.status();
  Http2Stream stream(*std::move(socket));
  absl::Status status = stream.Send(Preface());
  if (!status.ok()) return status;
  const absl::StatusOr<Frame> settings = stream.NextFrame();
  if (!settings.ok()) return settings.status();
  status = stream.TakeControl(*settings);
  if (!status.ok()) return status;
  return stream;
}

absl::Status Http2Stream::Read(const v1::SubscribeRequest& request, Take take) {
  const std::string body = request.SerializeAsString();
  absl::Status status =
      Send(MakeFrame(kHeaders, kEndHeaders, kStreamId, RequestHeaders()) +
           MakeFrame(kData, kEndStream, kStreamId,
                     Number(0, 1) + Number(body.size(), 4) + body));
  while (status.ok() && !ended_) {
    const absl::StatusOr<Frame> frame = NextFrame();
    if (!frame.ok()) return frame.status();
    status =
        frame->type == kData ? TakeData(*frame, take) : TakeControl(*frame);
  }
  if (!status.ok()) return status;
  if (message_left_ != 0 || !prefix_.empty()) {
    return absl::UnavailableError("the stream ended within a response");
  }
  return absl::OkStatus();
}

absl::Status Http2Stream::Send(std::string_view bytes) {
  // Frames of ours are small: they fit into the socket's buffer.
  const ssize_t sent =
      send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return absl::ErrnoToStatus(errno, "send");
  if (static_cast<size_t>(sent) != bytes.size()) {
    return absl::UnavailableError("the socket took a part of a frame");
  }
  return absl::OkStatus();
}

absl::Status Http2Stream::Receive() {
  ssize_t got =
      recv(socket_.get(), in_.data() + end_, in_.size() - end_, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) {
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, kTimeoutMillis) == 0) {
      return absl::UnavailableError("nothing came for 30 s");
    }
    got = recv(socket_.get(), in_.data() + end_, in_.size() - end_, 0);
  }
  if (got < 0) return absl::ErrnoToStatus(errno, "recv");
  if (got == 0) return absl::UnavailableError("the server closed");
  end_ += static_cast<size_t>(got);
  return absl::OkStatus();
}

absl::Status Http2Stream::Fetch(size_t size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (begin_ + size > in_.size()) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (size > in_.size()) in_.resize(size);
  }
  while (end_ - begin_ < size) {
    const absl::Status received = Receive();
    if (!received.ok()) return received;
  }
  return absl::OkStatus();
}

absl::StatusOr<Http2Stream::Frame> Http2Stream::NextFrame() {
  const absl::Status fetched = Fetch(kFrameHeaderSize);
  if (!fetched.ok()) return fetched;
  const std::string_view header = Front(kFrameHeaderSize);
  begin_ += kFrameHeaderSize;
  return Frame{.size = NumberAt(header.substr(0, 3)),
               .type = static_cast<uint8_t>(header[3]),
               .flags = static_cast<uint8_t>(header[4]),
               .stream = NumberAt(header.substr(5, 4)) & 0x7FFF'FFFFU};
}

absl::Status Http2Stream::TakeData(const Frame& frame, Take take) {
  if ((frame.flags & kPadded) != 0 || (frame.flags & kEndStream) != 0) {
    return absl::UnavailableError("data that gRPC does not send");
  }
  for (size_t left = frame.size; left > 0;) {
    const absl::Status fetched = Fetch(1);
    if (!fetched.ok()) return fetched;
    const size_t here = std::min(left, end_ - begin_);
    const absl::Status taken = TakeMessageBytes(Front(here), take);
    if (!taken.ok()) return taken;
    begin_ += here;
    left -= here;
  }
  return Credit(frame.size);
}

absl::Status Http2Stream::TakeMessageBytes(std::string_view bytes, Take take) {
  while (!bytes.empty()) {
    if (message_left_ == 0) {
      const size_t part = std::min(kPrefixSize - prefix_.size(), bytes.size());
      prefix_ += bytes.substr(0, part);
      bytes.remove_prefix(part);
      if (prefix_.size() < kPrefixSize) return absl::OkStatus();
      if (prefix_[0] != 0) return absl::UnavailableError("it is compressed");
      message_left_ = NumberAt(std::string_view(prefix_).substr(1));
      prefix_.clear();
      if (message_left_ == 0) {
        const absl::Status taken = take({}, true);
        if (!taken.ok()) return taken;
      }
      continue;
    }
    const size_t part = std::min<size_t>(message_left_, bytes.size());
    message_left_ -= part;
    const absl::Status taken = take(bytes.substr(0, part), message_left_ == 0);
    if (!taken.ok()) return taken;
    bytes.remove_prefix(part);
  }
  return absl::OkStatus();
}

absl::Status Http2Stream::Credit(uint32_t bytes) {
  uncredited_ += bytes;
  if (uncredited_ < kWindow / 2) return absl::OkStatus();
  const uint32_t credit = std::exchange(uncredited_, 0);
  return Send(WindowUpdate(0, credit) + WindowUpdate(kStreamId, credit));
}

absl::Status Http2Stream::TakeControl(const Frame& frame) {
  if (frame.size > kFrameMax) return absl::UnavailableError("not HTTP/2");
  const absl::Status fetched = Fetch(frame.size);
  if (!fetched.ok()) return fetched;
  const std::string payload(Front(frame.size));
  begin_ += frame.size;
  switch (frame.type) {
    case kSettings:
      if ((frame.flags & kAck) != 0) return absl::OkStatus();
      return Send(MakeFrame(kSettings, kAck, 0, ""));
    case kPing:
      if ((frame.flags & kAck) != 0) return absl::OkStatus();
      return Send(MakeFrame(kPing, kAck, 0, payload));
    case kWindowUpdate:
      return absl::OkStatus();
    case kHeaders:
      if ((frame.flags & kEndStream) == 0) return absl::OkStatus();
      ended_ = true;
      // gRPC spells a status out where it comes first on a connection.
      if (payload.find("\x0bgrpc-status\x01"
                       "0") != std::string::npos) {
        return absl::OkStatus();
      }
      return absl::UnavailableError(
          absl::StrCat("the stream did not end with OK: ", payload));
    default:
      return absl::UnavailableError(
          absl::StrCat("the server sent a frame of type ", frame.type));
  }
}

}  // namespace enveloperelay::load
