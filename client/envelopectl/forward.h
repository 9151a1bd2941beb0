#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORWARD_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORWARD_H_

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "client/mutex.h"
#include "client/webhook/http_post.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {

// Reads the field Retry-After (RFC 9110, 10.2.3), seconds or a date: how long
// after `now`, at most a day. Nothing: it is neither.
std::optional<absl::Duration> ParseRetryAfter(std::string_view text,
                                              absl::Time now);

// What an answer says of the event that was posted: done at 2xx; a dead letter
// at 4xx, but for 408, 425 and 429; else a retry, after Retry-After if it is
// there.
Handled HandledOf(const HttpAnswer& answer, absl::Time now);

// Posts the webhooks that events came from to an HTTP endpoint. Thread-safe:
// each call has a connection of its own, which is kept for later ones.
class Forwarder {
 public:
  explicit Forwarder(HttpUrl url);

  // Returns what the endpoint made of the event; a retry when it did not
  // answer. The request belongs to the event's trace.
  Handled Forward(const v1::EnvelopeEvent& event);

 private:
  std::unique_ptr<HttpPoster> Take() ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(std::unique_ptr<HttpPoster> poster) ABSL_LOCKS_EXCLUDED(mutex_);

  const HttpUrl url_;
  Mutex mutex_;
  std::vector<std::unique_ptr<HttpPoster>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORWARD_H_
