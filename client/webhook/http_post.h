#ifndef ENVELOPE_RELAY_CLIENT_WEBHOOK_HTTP_POST_H_
#define ENVELOPE_RELAY_CLIENT_WEBHOOK_HTTP_POST_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace enveloperelay::client {

// Where to post to.
struct HttpUrl {
  bool tls = false;  // https
  std::string host;  // name or address, IPv6 without brackets
  std::string port;
  std::string path;

  // "127.0.0.1:8080", "[::1]:8080".
  std::string Authority() const;
};

// Reads "127.0.0.1:8080", "http://relay.internal:8080" or "https://relay/path".
// The port that goes with the scheme is the default, and the path "/".
// Errors: kInvalidArgument, saying what is wrong.
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text);

// A field of a request's head.
struct HttpField {
  std::string_view name;
  std::string value;
};

struct HttpAnswer {
  unsigned status = 0;
  std::string reason;            // "Not Found", as it came
  std::string retry_after;       // the field Retry-After; empty: none
  std::string traceparent = {};  // the field of that name; empty: none
  std::string body;
};

struct HttpPosterOptions {
  HttpUrl url;
  // Who is there, for error messages: "the relay".
  std::string peer;
  // PEM file with the CAs that a server within TLS may have its certificate
  // from. Empty: those of the system.
  std::string ca_file = {};
  // That of each step of a request: connecting, agreeing on TLS, sending, and
  // receiving the answer.
  absl::Duration timeout = absl::Seconds(10);
};

// Posts JSON, one body after the other on one connection, on the caller's
// thread. Not thread-safe.
class HttpPoster {
 public:
  explicit HttpPoster(HttpPosterOptions options);
  ~HttpPoster();
  HttpPoster(const HttpPoster&) = delete;
  HttpPoster& operator=(const HttpPoster&) = delete;

  // Returns what was answered, whatever the status. When a connection turns out
  // to be closed since the last request, the body is posted again on a new one.
  // Errors: kUnavailable (the peer cannot be reached, is not who it should be,
  // or broke off), kDeadlineExceeded, kInvalidArgument (the CA file).
  absl::StatusOr<HttpAnswer> Post(std::string_view body,
                                  const std::vector<HttpField>& fields);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_WEBHOOK_HTTP_POST_H_
