#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_WEBHOOK_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_WEBHOOK_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/signplus/first_seen.h"

namespace enveloperelay {

// Deepest nesting of objects and arrays that a webhook may have.
inline constexpr size_t kWebhookDepthMax = 32;

// A webhook as it was received. Views are used during the call only.
struct Webhook {
  std::string_view body;
  absl::Time receive_time;
  // Within it a repeat of an event that may happen again (a view, anything
  // unknown) is taken for a duplicate. More than 0.
  absl::Duration dedup_window;
  // Never stored: blanked out wherever they stand in the body.
  std::span<const std::string> secrets = {};
  // Of the request that it came with: the text of a Traceparent, or empty.
  std::string_view traceparent = {};
  // When it came first, if that was before `receive_time`: whether it is the
  // same event as another one is decided by this.
  std::optional<absl::Time> first_receive_time = {};
  // Told the names that are not known, also those of a webhook that is refused
  // for its fields. May be null.
  FirstSeen* first_seen = nullptr;
};

// Makes an event of a Sign.Plus webhook: all but its sequence and cursor, which
// the log sets. Names of events and actions match in any letter case; unknown
// ones become UNSPECIFIED and keep their name; null is as good as absent; of
// duplicate keys the last wins. Thread-safe.
//
// Errors, with messages that repeat nothing of the body:
//   kInvalidArgument     it is not JSON or not UTF-8; says at which byte;
//   kFailedPrecondition  JSON, but no Sign.Plus event; names every field that
//                        is not as it should be ("hook.event", …).
absl::StatusOr<v1::EnvelopeEvent> ParseWebhook(const Webhook& webhook);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_WEBHOOK_H_
