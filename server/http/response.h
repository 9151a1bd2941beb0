#ifndef ENVELOPE_RELAY_SERVER_HTTP_RESPONSE_H_
#define ENVELOPE_RELAY_SERVER_HTTP_RESPONSE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace enveloperelay {

// An answer, but for what the connection adds.
struct HttpResponse {
  unsigned status = 200;
  // Outlives the response: a constant.
  std::string_view content_type = "application/json";
  std::string body = {};
  // Further header lines, each with its CRLF.
  std::string fields = {};
};

// What the connection says about itself in a response.
enum class ConnectionField : uint8_t {
  kNone,       // it stays open, as HTTP/1.1 takes for granted
  kKeepAlive,  // it stays open, for HTTP/1.0
  kClose,
};

// How one answer goes out.
struct ResponseFraming {
  // As HttpDate makes it.
  std::string_view date;
  // Of the request that is answered. Empty: its head could not be read.
  std::string_view traceparent = {};
  ConnectionField connection = ConnectionField::kNone;
  // The answer to HEAD: all but the body.
  bool without_body = false;
};

// Appends the response to `out` as it goes out on an HTTP/1.1 connection.
void AppendResponse(const HttpResponse& response,
                    const ResponseFraming& framing, std::string& out);

// "Tue, 15 Nov 1994 08:12:31 GMT" (RFC 9110, section 5.6.7).
std::string HttpDate(absl::Time time);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_RESPONSE_H_
