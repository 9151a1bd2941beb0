// A subscription's settings: taken within their bounds or refused, whether
// new or changed, and taken again as they are stored.
#include <google/protobuf/field_mask.pb.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/check.h"
#include "server/stream/errors.h"
#include "server/subscriptions/settings.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

// Of maps, too, whose order is otherwise random.
bool IsSame(const v1::Subscription& a, const v1::Subscription& b) {
  if (a.labels_size() != b.labels_size()) return false;
  for (const auto& [key, value] : a.labels()) {
    const auto found = b.labels().find(key);
    if (found == b.labels().end() || found->second != value) return false;
  }
  v1::Subscription a_rest = a;
  v1::Subscription b_rest = b;
  a_rest.clear_labels();
  b_rest.clear_labels();
  return a_rest.SerializeAsString() == b_rest.SerializeAsString();
}

void CheckTaken(const absl::StatusOr<SubscriptionSettings>& settings) {
  if (!settings.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(settings.status()));
    RELAY_CHECK(ReasonOf(settings.status()) == "FIELD_INVALID");
    return;
  }
  RELAY_CHECK(IsSubscriptionName(settings->proto.name()));
  RELAY_CHECK(settings->ack_deadline >= kAckDeadlineMin &&
              settings->ack_deadline <= kAckDeadlineMax);
  RELAY_CHECK(settings->min_backoff >= kBackoffMin &&
              settings->min_backoff <= settings->max_backoff &&
              settings->max_backoff <= kBackoffMax);
  RELAY_CHECK(settings->attempts_max >= 1);
  RELAY_CHECK(settings->expire_after >= kExpireAfterMin);
  RELAY_CHECK(settings->filter != nullptr);
  for (const uint32_t attempts : {0U, 1U, 2U, 40U, UINT32_MAX}) {
    const absl::Duration wait = Backoff(*settings, attempts, 1);
    RELAY_CHECK(wait >= settings->min_backoff && wait <= settings->max_backoff);
  }
  // As at a restart.
  v1::Subscription stored;
  RELAY_CHECK(stored.ParseFromString(settings->proto.SerializeAsString()));
  const absl::StatusOr<SubscriptionSettings> again = CheckSettings(stored, "");
  RELAY_CHECK(again.ok() && IsSame(again->proto, settings->proto));
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  v1::Subscription subscription;
  if (!subscription.ParseFromString(std::string(input.Part()))) return 0;
  absl::StatusOr<SubscriptionSettings> settings =
      CheckSettings(subscription, "subscription.");
  CheckTaken(settings);
  if (!settings.ok()) {
    v1::Subscription other;
    other.set_name("a-name");
    settings = CheckSettings(other, "");
  }

  v1::Subscription changes;
  google::protobuf::FieldMask mask;
  if (!changes.ParseFromString(std::string(input.Part())) ||
      !mask.ParseFromString(std::string(input.Rest()))) {
    return 0;
  }
  const auto changed = ApplyChanges(*settings, changes, mask);
  CheckTaken(changed);
  if (changed.ok()) {
    RELAY_CHECK(changed->proto.name() == settings->proto.name());
  }
  return 0;
}
