#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay::testing {

// An answer as it came.
struct RawResponse {
  int status = 0;
  std::string status_line;
  // By name in lower case. Of fields of one name the last.
  std::map<std::string, std::string> fields;
  std::string body;

  // The value of a field; "" if there is none.
  std::string Field(const std::string& name) const;
};

// Takes the first response off the front of what was received, if all of it is
// there. Errors: kInternal (it is no response).
absl::StatusOr<std::optional<RawResponse>> TakeResponse(std::string& received,
                                                        bool to_head);

// A TCP connection to 127.0.0.1 that sends and receives what a test says, byte
// by byte if it says so. Waits for kPatience at most. Not thread-safe.
class RawConnection {
 public:
  static constexpr absl::Duration kPatience = absl::Seconds(30);

  // From an address of this machine, such as 127.0.0.2, so that a test can be
  // several clients. Errors: kUnavailable.
  static absl::StatusOr<RawConnection> Connect(
      uint16_t port, const std::string& from = "127.0.0.1");

  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&& other) noexcept;

  // Sends all of it.
  // Errors: kUnavailable (the other end has closed), kDeadlineExceeded.
  absl::Status Send(std::string_view bytes);
  // The same, each byte in a packet of its own.
  absl::Status SendByteByByte(std::string_view bytes);
  // Nothing more will be sent.
  void FinishSending();
  // Ends the connection with a reset. Nothing can be done with it any more.
  void Reset();
  // Sends what of it can be sent without a wait; false: the other end has
  // closed.
  bool SendSome(std::string_view& bytes);

  // Returns the next response. That of a HEAD request has no body.
  // Errors: kUnavailable (closed, or reset, before it was complete),
  // kDeadlineExceeded, kInternal (it is no response).
  absl::StatusOr<RawResponse> Read(bool to_head = false);

  // Whether the other end closes the connection in an orderly way before it
  // sends anything more.
  bool IsClosed();
  // Whether something has come, or the other end has closed, by now.
  bool HasNews() { return HasNewsWithin(absl::ZeroDuration()); }
  // The same; waits for it if need be.
  bool HasNewsWithin(absl::Duration timeout);
  // Reads into the void until the other end closes or resets the connection;
  // false: it does not within `timeout`.
  bool EndsWithin(absl::Duration timeout);

 private:
  explicit RawConnection(int fd) : fd_(fd) {}

  // Appends what comes next to received_; false: closed.
  absl::StatusOr<bool> Receive();

  int fd_ = -1;
  std::string received_;
};

// The bytes of a request with a Host field, a Content-Length if there is a body
// or the method is POST, and `fields` (each with its CRLF) besides.
std::string RawRequest(std::string_view method, std::string_view target,
                       std::string_view body = "",
                       std::string_view fields = "");

// Sends one request on a connection of its own and returns the answer.
absl::StatusOr<RawResponse> Fetch(uint16_t port, std::string_view request);

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_RAW_HTTP_H_
