#ifndef ENVELOPE_RELAY_CLIENT_WEBHOOK_POSTER_H_
#define ENVELOPE_RELAY_CLIENT_WEBHOOK_POSTER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/webhook/http_post.h"

namespace enveloperelay::client {

// Reads the address of an ingress as ParseHttpUrl does; /webhooks/signplus is
// the default path. Errors: kInvalidArgument, saying what is allowed.
absl::StatusOr<HttpUrl> ParseIngressUrl(std::string_view text);

// Reads the ingress token from `path`: the first line that is neither empty nor
// a comment (#), as TOKEN or NAME TOKEN.
// Errors: those of reading; kInvalidArgument (no token in it).
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// What the relay answers to a webhook that it stored.
struct StoredWebhook {
  std::string event_id;
  std::string sequence;
  bool duplicate = false;
  std::string traceparent = {};  // of this request; empty: there was none
};

// Posts webhooks to a relay's ingress, one after the other on one connection,
// on the caller's thread. Not thread-safe.
class WebhookPoster {
 public:
  struct Options {
    HttpUrl url;
    std::string token = {};    // empty: none is sent
    std::string ca_file = {};  // see HttpPosterOptions, as the next
    absl::Duration timeout = absl::Seconds(10);
  };
  explicit WebhookPoster(Options options);

  // Returns when the relay has answered. A connection that was closed since the
  // last request is opened again.
  // Errors: kUnavailable (the relay cannot be reached or broke off),
  // kDeadlineExceeded; kFailedPrecondition when it answered something else than
  // 200, with status, reason and detail in the message.
  absl::StatusOr<StoredWebhook> Post(std::string_view body);

 private:
  const std::string token_;
  HttpPoster poster_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_WEBHOOK_POSTER_H_
