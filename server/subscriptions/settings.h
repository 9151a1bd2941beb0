#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SETTINGS_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SETTINGS_H_

#include <google/protobuf/field_mask.pb.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/stream/errors.h"
#include "server/stream/filter.h"

namespace enveloperelay {

// Bounds and defaults of what a subscription may be set to; subscriptions.proto
// names the first five.
inline constexpr absl::Duration kAckDeadlineDefault = absl::Seconds(30);
inline constexpr absl::Duration kAckDeadlineMin = absl::Seconds(1);
inline constexpr absl::Duration kAckDeadlineMax = absl::Seconds(600);
inline constexpr absl::Duration kMinBackoffDefault = absl::Seconds(1);
inline constexpr absl::Duration kMaxBackoffDefault = absl::Seconds(300);
inline constexpr int32_t kMaxAttemptsDefault = 10;
inline constexpr absl::Duration kBackoffMin = absl::Milliseconds(1);
inline constexpr absl::Duration kBackoffMax = absl::Hours(24);
inline constexpr absl::Duration kExpireAfterMin = absl::Seconds(1);
inline constexpr absl::Duration kExpireAfterMax = absl::Hours(24 * 366);
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kLabelBytesMax = 256;  // of a key or a value

// How a subscription is set: v1::Subscription without what is output only,
// every default filled in, made ready to be used.
struct SubscriptionSettings {
  // As clients see it. Has no start, etag or output.
  v1::Subscription proto;

  // The same, read out of `proto`.
  std::shared_ptr<const EventFilter> filter;
  absl::Duration ack_deadline;
  // UINT32_MAX: without limit.
  uint32_t attempts_max = 0;
  absl::Duration min_backoff;
  absl::Duration max_backoff;
  bool by_envelope = true;
  bool paused = false;
  // Infinite: never.
  absl::Duration expire_after = absl::InfiniteDuration();
};

// Whether `name` may be a subscription's: [a-z][a-z0-9-]{2,62}.
bool IsSubscriptionName(std::string_view name);

// Returns the settings of a new subscription; `prefix` stands before the fields
// in errors, e.g. "subscription.".
// Errors: FIELD_INVALID.
absl::StatusOr<SubscriptionSettings> CheckSettings(
    const v1::Subscription& subscription, std::string_view prefix);

// Returns `settings` with the fields of `mask` taken from `changes`, or with
// all that are set in it if `mask` is empty. A field that `mask` names and
// `changes` does not set gets its default. Fields that are output only, `start`
// and `start_time` are passed over.
// Errors: FIELD_INVALID.
absl::StatusOr<SubscriptionSettings> ApplyChanges(
    const SubscriptionSettings& settings, const v1::Subscription& changes,
    const google::protobuf::FieldMask& mask);

// Returns how long an event waits that has been delivered `attempts` times:
// min_backoff, doubled with each attempt after the first, up to a quarter more
// by `jitter` (0 to 1), max_backoff at most.
absl::Duration Backoff(const SubscriptionSettings& settings, uint32_t attempts,
                       double jitter);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SETTINGS_H_
