#include "server/subscriptions/settings.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/stream/errors.h"
#include "server/stream/fields.h"
#include "server/stream/filter.h"
#include "server/stream/proto_time.h"

namespace enveloperelay {
namespace {

constexpr size_t kNameSizeMin = 3;
constexpr size_t kNameSizeMax = 63;

// Reads one subscription, naming fields by their path from the request.
class Checker {
 public:
  explicit Checker(std::string_view prefix) : prefix_(prefix) {}

  // Returns what is set, or puts `otherwise` into `field`.
  absl::Duration Duration(std::string_view name, bool is_set,
                          google::protobuf::Duration* field,
                          absl::Duration otherwise, absl::Duration min,
                          absl::Duration max) {
    if (!is_set) {
      *field = ToProto(otherwise);
      return otherwise;
    }
    return ReadDuration(Path(name), *field, min, max, violations_);
  }
  void Require(bool condition, std::string_view name, std::string problem) {
    if (!condition) violations_.push_back({Path(name), std::move(problem)});
  }
  void Filter(const v1::EventFilter& filter) {
    for (const FieldViolation& violation : ValidateFilter(filter)) {
      violations_.push_back({Path(violation.field), violation.description});
    }
  }
  absl::Status Finish() const {
    return violations_.empty() ? absl::OkStatus()
                               : FieldInvalidError(violations_);
  }

 private:
  std::string Path(std::string_view name) const {
    return prefix_ + std::string(name);
  }

  const std::string prefix_;
  Violations violations_;
};

void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                 Checker& checker) {
  checker.Require(labels.size() <= kLabelsMax, "labels",
                  absl::StrCat(labels.size(), " labels; at most ", kLabelsMax,
                               " are allowed"));
  const bool fit = std::ranges::all_of(labels, [](const auto& label) {
    return !label.first.empty() && label.first.size() <= kLabelBytesMax &&
           label.second.size() <= kLabelBytesMax;
  });
  checker.Require(fit, "labels",
                  absl::StrCat("keys of 1 to ", kLabelBytesMax,
                               " bytes and values of up to ", kLabelBytesMax,
                               " are allowed"));
}

// What is output only, or counts at creation only, or is no setting.
void ClearUnsettable(v1::Subscription& proto) {
  v1::Subscription kept;
  kept.set_name(proto.name());
  if (proto.has_filter()) *kept.mutable_filter() = proto.filter();
  if (proto.has_ack_deadline()) {
    *kept.mutable_ack_deadline() = proto.ack_deadline();
  }
  kept.set_max_attempts(proto.max_attempts());
  if (proto.has_min_backoff()) {
    *kept.mutable_min_backoff() = proto.min_backoff();
  }
  if (proto.has_max_backoff()) {
    *kept.mutable_max_backoff() = proto.max_backoff();
  }
  kept.set_order(proto.order());
  kept.set_paused(proto.paused());
  if (proto.has_expire_after()) {
    *kept.mutable_expire_after() = proto.expire_after();
  }
  kept.mutable_labels()->swap(*proto.mutable_labels());
  proto.Swap(&kept);
}

// How each field that may be changed is taken over from `from`.
struct Change {
  bool (*is_set)(const v1::Subscription& from);
  void (*apply)(const v1::Subscription& from, v1::Subscription& to);
};

template <typename Message>
using MutableOf = Message* (v1::Subscription::*)();

const std::map<std::string, Change>& Changes() {
  using S = v1::Subscription;
  static const auto& changes = *new std::map<std::string, Change>{
      {"filter",
       {[](const S& from) { return from.has_filter(); },
        [](const S& from, S& to) { *to.mutable_filter() = from.filter(); }}},
      {"ack_deadline",
       {[](const S& from) { return from.has_ack_deadline(); },
        [](const S& from, S& to) {
          to.clear_ack_deadline();
          if (from.has_ack_deadline()) {
            *to.mutable_ack_deadline() = from.ack_deadline();
          }
        }}},
      {"max_attempts",
       {[](const S& from) { return from.max_attempts() != 0; },
        [](const S& from, S& to) {
          to.set_max_attempts(from.max_attempts());
        }}},
      {"min_backoff",
       {[](const S& from) { return from.has_min_backoff(); },
        [](const S& from, S& to) {
          to.clear_min_backoff();
          if (from.has_min_backoff()) {
            *to.mutable_min_backoff() = from.min_backoff();
          }
        }}},
      {"max_backoff",
       {[](const S& from) { return from.has_max_backoff(); },
        [](const S& from, S& to) {
          to.clear_max_backoff();
          if (from.has_max_backoff()) {
            *to.mutable_max_backoff() = from.max_backoff();
          }
        }}},
      {"order",
       {[](const S& from) {
          return from.order() != v1::DELIVERY_ORDER_UNSPECIFIED;
        },
        [](const S& from, S& to) { to.set_order(from.order()); }}},
      {"paused",
       {[](const S& from) { return from.paused(); },
        [](const S& from, S& to) { to.set_paused(from.paused()); }}},
      {"expire_after",
       {[](const S& from) { return from.has_expire_after(); },
        [](const S& from, S& to) {
          to.clear_expire_after();
          if (from.has_expire_after()) {
            *to.mutable_expire_after() = from.expire_after();
          }
        }}},
      {"labels",
       {[](const S& from) { return !from.labels().empty(); },
        [](const S& from, S& to) { *to.mutable_labels() = from.labels(); }}},
  };
  return changes;
}

// Fields of a Subscription that a mask may name without effect.
bool IsPassedOver(std::string_view field) {
  static constexpr std::string_view kFields[] = {
      "name",         "start",
      "start_time",   "etag",
      "cursor",       "backlog",
      "outstanding",  "retrying",
      "dead_letters", "oldest_unsettled_time",
      "lost_events",  "workers"};
  return std::ranges::find(kFields, field) != std::end(kFields);
}

}  // namespace

bool IsSubscriptionName(std::string_view name) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return name.size() >= kNameSizeMin && name.size() <= kNameSizeMax &&
         is_lower(name.front()) &&
         std::ranges::all_of(name, [&is_lower](char c) {
           return is_lower(c) || (c >= '0' && c <= '9') || c == '-';
         });
}

absl::StatusOr<SubscriptionSettings> CheckSettings(
    const v1::Subscription& subscription, std::string_view prefix) {
  SubscriptionSettings settings;
  settings.proto = subscription;
  v1::Subscription& proto = settings.proto;
  ClearUnsettable(proto);
  Checker checker(prefix);
  // What is set is asked of `subscription`: to take a mutable field sets it.
  checker.Require(IsSubscriptionName(proto.name()), "name",
                  "allowed are a small letter, then 2 to 62 small letters, "
                  "digits and hyphens");
  checker.Filter(proto.filter());
  settings.ack_deadline =
      checker.Duration("ack_deadline", subscription.has_ack_deadline(),
                       proto.mutable_ack_deadline(), kAckDeadlineDefault,
                       kAckDeadlineMin, kAckDeadlineMax);
  settings.min_backoff =
      checker.Duration("min_backoff", subscription.has_min_backoff(),
                       proto.mutable_min_backoff(), kMinBackoffDefault,
                       kBackoffMin, kBackoffMax);
  settings.max_backoff =
      checker.Duration("max_backoff", subscription.has_max_backoff(),
                       proto.mutable_max_backoff(),
                       std::max(kMaxBackoffDefault, settings.min_backoff),
                       kBackoffMin, kBackoffMax);
  checker.Require(settings.min_backoff <= settings.max_backoff, "max_backoff",
                  "less than min_backoff");
  if (proto.has_expire_after()) {
    settings.expire_after = checker.Duration(
        "expire_after", true, proto.mutable_expire_after(),
        absl::InfiniteDuration(), kExpireAfterMin, kExpireAfterMax);
  }
  checker.Require(proto.max_attempts() >= -1, "max_attempts",
                  "allowed are 0 (unset), 1 and above, and -1 (no limit)");
  checker.Require(v1::DeliveryOrder_IsValid(proto.order()), "order",
                  "not known to this relay");
  CheckLabels(proto.labels(), checker);
  absl::Status status = checker.Finish();
  if (!status.ok()) return status;

  if (proto.max_attempts() == 0) proto.set_max_attempts(kMaxAttemptsDefault);
  if (proto.order() == v1::DELIVERY_ORDER_UNSPECIFIED) {
    proto.set_order(v1::DELIVERY_ORDER_BY_ENVELOPE);
  }
  settings.filter = std::make_shared<const EventFilter>(proto.filter());
  // A negative number has no limit as an unsigned one either.
  settings.attempts_max = static_cast<uint32_t>(proto.max_attempts());
  settings.by_envelope = proto.order() != v1::DELIVERY_ORDER_NONE;
  settings.paused = proto.paused();
  return settings;
}

absl::StatusOr<SubscriptionSettings> ApplyChanges(
    const SubscriptionSettings& settings, const v1::Subscription& changes,
    const google::protobuf::FieldMask& mask) {
  v1::Subscription merged = settings.proto;
  Violations violations;
  bool all = false;
  for (const std::string& path : mask.paths()) {
    const auto change = Changes().find(path);
    if (path == "*") {
      all = true;
    } else if (change != Changes().end()) {
      change->second.apply(changes, merged);
    } else if (!IsPassedOver(path)) {
      violations.push_back(
          {"update_mask",
           "names a field that cannot be changed by itself; allowed are the "
           "names of fields of Subscription, and *"});
    }
  }
  if (!violations.empty()) return FieldInvalidError(violations);
  for (const auto& [name, change] : Changes()) {
    if (all || (mask.paths().empty() && change.is_set(changes))) {
      change.apply(changes, merged);
    }
  }
  return CheckSettings(merged, "subscription.");
}

absl::Duration Backoff(const SubscriptionSettings& settings, uint32_t attempts,
                       double jitter) {
  absl::Duration delay = settings.min_backoff;
  for (uint32_t i = 1; i < attempts && delay < settings.max_backoff; ++i) {
    delay *= 2;
  }
  return std::min(delay * (1 + jitter / 4), settings.max_backoff);
}

}  // namespace enveloperelay
