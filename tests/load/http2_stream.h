#ifndef ENVELOPE_RELAY_TESTS_LOAD_HTTP2_STREAM_H_
#define ENVELOPE_RELAY_TESTS_LOAD_HTTP2_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "tests/load/fd.h"

namespace enveloperelay::load {

// A connection for one call of Subscribe that costs a fraction of gRPC's own
// client, which takes longer to receive events than a server to send them. It
// knows just as much of HTTP/2 (RFC 9113) and of gRPC over it as that needs.
class Http2Stream {
 public:
  // Takes the next bytes of a response; `last` ends it.
  using Take =
      absl::FunctionRef<absl::Status(std::string_view bytes, bool last)>;

  // Connects to 127.0.0.1:`port`, and returns when the server has answered.
  // Errors: kUnavailable and others, from the socket.
  static absl::StatusOr<Http2Stream> Open(uint16_t port);

  // Subscribes, hands what comes to `take`, and returns when the server has
  // ended the stream with OK. Once.
  // Errors: those of `take`; kUnavailable (the stream ended in another way,
  // nothing came for 30 s).
  absl::Status Read(const v1::SubscribeRequest& request, Take take);

 private:
  struct Frame {
    uint32_t size = 0;
    uint8_t type = 0;
    uint8_t flags = 0;
    uint32_t stream = 0;
  };

  explicit Http2Stream(Fd socket);

  absl::Status Send(std::string_view bytes);
  absl::Status Receive();
  // Makes `size` bytes available at the front of what is received.
  absl::Status Fetch(size_t size);
  std::string_view Front(size_t size) const {
    return {in_.data() + begin_, size};
  }
  absl::StatusOr<Frame> NextFrame();
  absl::Status TakeData(const Frame& frame, Take take);
  absl::Status TakeMessageBytes(std::string_view bytes, Take take);
  absl::Status Credit(uint32_t bytes);
  // Answers a frame that is no data; sets `ended_` at the end of the stream.
  absl::Status TakeControl(const Frame& frame);

  Fd socket_;
  std::vector<char> in_;
  size_t begin_ = 0;  // of what is received and not yet taken
  size_t end_ = 0;
  std::string prefix_;         // the part of a message's length that is here
  uint64_t message_left_ = 0;  // bytes of the message that are still to come
  uint32_t uncredited_ = 0;    // bytes taken that the server may send again
  bool ended_ = false;
};

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_HTTP2_STREAM_H_
