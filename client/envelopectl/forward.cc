#include "client/envelopectl/forward.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/envelopectl/text.h"
#include "client/mutex.h"
#include "client/webhook/http_post.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"

namespace enveloperelay::client {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);

// Whether a 4xx may go away by itself.
bool IsTransient(unsigned status) {
  constexpr unsigned kRequestTimeout = 408;
  constexpr unsigned kTooEarly = 425;
  constexpr unsigned kTooManyRequests = 429;
  return status == kRequestTimeout || status == kTooEarly ||
         status == kTooManyRequests;
}

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(std::string_view text,
                                              absl::Time now) {
  constexpr absl::Duration kMax = absl::Hours(24);
  const absl::string_view field(text.data(), text.size());
  absl::Time time;
  if (uint32_t seconds = 0; absl::SimpleAtoi(field, &seconds)) {
    time = now + absl::Seconds(seconds);
  } else if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", field, &time,
                              nullptr)) {
    return std::nullopt;
  }
  return std::clamp(time - now, absl::ZeroDuration(), kMax);
}

Handled HandledOf(const HttpAnswer& answer, absl::Time now) {
  if (answer.status / 100 == 2) return Handled::Done();
  std::string reason = absl::StrFormat("HTTP %u", answer.status);
  if (!answer.reason.empty()) reason += ' ' + Escape(answer.reason);
  if (answer.status / 100 == 4 && !IsTransient(answer.status)) {
    return Handled::DeadLetter(std::move(reason));
  }
  return Handled::Retry({.delay = ParseRetryAfter(answer.retry_after, now),
                         .reason = std::move(reason)});
}

Forwarder::Forwarder(HttpUrl url) : url_(std::move(url)) {}

Handled Forwarder::Forward(const v1::EnvelopeEvent& event) {
  std::unique_ptr<HttpPoster> poster = Take();
  std::vector<HttpField> fields = {
      {.name = "Envelope-Relay-Event-Id", .value = event.event_id()},
      {.name = "Envelope-Relay-Sequence",
       .value = absl::StrFormat("%u", event.sequence())}};
  if (!event.traceparent().empty()) {
    fields.push_back({.name = "traceparent", .value = event.traceparent()});
  }
  const absl::StatusOr<HttpAnswer> answer =
      poster->Post(event.payload(), fields);
  GiveBack(std::move(poster));
  if (!answer.ok()) {
    return Handled::Retry(
        {.delay = {}, .reason = std::string(answer.status().message())});
  }
  return HandledOf(*answer, absl::Now());
}

std::unique_ptr<HttpPoster> Forwarder::Take() {
  const MutexLock lock(mutex_);
  if (idle_.empty()) {
    return std::make_unique<HttpPoster>(HttpPosterOptions{
        .url = url_, .peer = "the endpoint", .timeout = kTimeout});
  }
  std::unique_ptr<HttpPoster> poster = std::move(idle_.back());
  idle_.pop_back();
  return poster;
}

void Forwarder::GiveBack(std::unique_ptr<HttpPoster> poster) {
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(poster));
}

}  // namespace enveloperelay::client
