#ifndef ENVELOPE_RELAY_SERVER_HTTP_FRAMING_H_
#define ENVELOPE_RELAY_SERVER_HTTP_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace enveloperelay {

// Longest request line, without its line end.
inline constexpr size_t kRequestLineBytesMax = size_t{8} * 1024;
// Size of all header lines together, with their line ends.
inline constexpr size_t kHeaderBytesMax = size_t{8} * 1024;
inline constexpr size_t kHeaderFieldsMax = 64;
// An empty line in front, the request line, the header lines and the empty
// line after them.
inline constexpr size_t kHeadBytesMax =
    2 + kRequestLineBytesMax + 2 + kHeaderBytesMax + 2;

// What stands in front of a request's body, as far as this server looks at it.
// Its views are of the bytes that it was read from.
struct RequestHead {
  size_t size = 0;  // in bytes, with its empty line
  std::string_view method;
  std::string_view target;
  int minor_version = 1;  // of HTTP/1
  // How the body ends; with neither there is none.
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  // The client means to send another request after this one.
  bool keep_alive = true;
  // Values of header fields; empty where absent.
  std::string_view authorization;
  std::string_view content_type;
  // As ParseHead() leaves it, anything; as a handler is given it, always that
  // of a Traceparent: the one that came, or one made for this request.
  std::string_view traceparent;
  // Of a signed webhook, in both spellings.
  std::string_view webhook_id;
  std::string_view webhook_timestamp;
  std::string_view webhook_signature;
  std::string_view svix_id;
  std::string_view svix_timestamp;
  std::string_view svix_signature;
  // X-Forwarded-For, line by line: together they are one list.
  std::vector<std::string_view> forwarded_for;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  // The target without its query.
  std::string_view path() const { return target.substr(0, target.find('?')); }
};

// Reads the head at the front of `bytes`: nothing if it is not complete yet.
// It is far stricter than a parser for a browser, so that no two readers of one
// connection can see different requests in it. Refused are, besides what RFC
// 9112 does not allow: lines that end with LF alone, folded lines, a target
// that is not a path, fields in excess of the limits above, two fields where
// one is meant. One empty line is allowed in front (RFC 9112, section 2.2).
// A line is looked at as soon as it is complete.
//
// Errors, with messages that repeat nothing of `bytes`: kInvalidArgument,
// kUnimplemented (a transfer coding other than "chunked").
absl::StatusOr<std::optional<RequestHead>> ParseHead(std::string_view bytes);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_FRAMING_H_
