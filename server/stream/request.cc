#include "server/stream/request.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/stream/errors.h"
#include "server/stream/filter.h"

namespace enveloperelay {
namespace {

using Violations = std::vector<FieldViolation>;
using ProtoDuration = google::protobuf::Duration;
using ProtoTime = google::protobuf::Timestamp;

// Bounds of google/protobuf/timestamp.proto (year 1 to 9999) and duration.proto
// (10,000 years).
constexpr int64_t kTimestampSecondsMin = -62'135'596'800;
constexpr int64_t kTimestampSecondsMax = 253'402'300'799;
constexpr int64_t kDurationSecondsMax = 315'576'000'000;
constexpr int32_t kNanosMax = 999'999'999;

absl::Time ReadTime(const char* field, const ProtoTime& time,
                    Violations& violations) {
  if (time.seconds() < kTimestampSecondsMin ||
      time.seconds() > kTimestampSecondsMax || time.nanos() < 0 ||
      time.nanos() > kNanosMax) {
    violations.push_back(
        {field,
         "not a time; allowed are 0001-01-01T00:00:00Z to "
         "9999-12-31T23:59:59.999999999Z, nanos 0 to 999999999"});
    return absl::UnixEpoch();
  }
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

absl::Duration ReadDuration(const char* field, const ProtoDuration& duration,
                            Violations& violations) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  const bool signs_differ =
      (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
  if (seconds < -kDurationSecondsMax || seconds > kDurationSecondsMax ||
      nanos < -kNanosMax || nanos > kNanosMax || signs_differ) {
    violations.push_back(
        {field,
         "not a duration; allowed are 10,000 years either way, seconds "
         "and nanos of one sign, nanos below a second"});
    return absl::ZeroDuration();
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

void CheckEnum(const char* field, int value, bool is_valid,
               Violations& violations) {
  if (is_valid) return;
  violations.push_back(
      {field, absl::StrCat("value ", value, " is not known to this relay")});
}

// `Request` is SubscribeRequest or ListEventsRequest, which name alike what
// they have in common. The cursor is read last: if anything else is wrong too,
// the caller hears of that.
template <typename Request>
absl::StatusOr<ReadSpec> CheckRead(const Request& request,
                                   v1::StartPosition start_default,
                                   Violations violations) {
  CheckEnum("start", request.start(),
            v1::StartPosition_IsValid(request.start()), violations);
  CheckEnum("view", request.view(), v1::EventView_IsValid(request.view()),
            violations);
  CheckEnum("on_cursor_expired", request.on_cursor_expired(),
            v1::CursorExpiredPolicy_IsValid(request.on_cursor_expired()),
            violations);
  for (FieldViolation& violation : ValidateFilter(request.filter())) {
    violations.push_back(std::move(violation));
  }

  ReadSpec spec;
  if (request.has_start_time()) {
    spec.start.start_time =
        ReadTime("start_time", request.start_time(), violations);
  }
  if (!violations.empty()) return FieldInvalidError(violations);

  const v1::StartPosition start =
      request.start() == v1::START_POSITION_UNSPECIFIED ? start_default
                                                        : request.start();
  spec.start.earliest = start == v1::START_POSITION_EARLIEST;
  spec.view = request.view();
  spec.skip_expired =
      request.on_cursor_expired() == v1::CURSOR_EXPIRED_POLICY_SKIP;
  auto filter = std::make_unique<const EventFilter>(request.filter());
  if (!filter->empty()) spec.filter = std::move(filter);
  if (!request.cursor().empty()) {
    const absl::StatusOr<Cursor> cursor = DecodeCursor(request.cursor());
    if (!cursor.ok()) return CursorInvalidError();
    spec.start.cursor = *cursor;
  }
  return spec;
}

// What may not be set beside `subscription`, whose own settings they are.
Violations FindConflicts(const v1::SubscribeRequest& request) {
  Violations violations;
  const auto check = [&violations](const char* field, bool set) {
    if (!set) return;
    violations.push_back({field, "must not be set beside subscription"});
  };
  check("cursor", !request.cursor().empty());
  check("start", request.start() != v1::START_POSITION_UNSPECIFIED);
  check("start_time", request.has_start_time());
  check("filter", request.has_filter());
  check("on_cursor_expired",
        request.on_cursor_expired() != v1::CURSOR_EXPIRED_POLICY_UNSPECIFIED);
  check("until_caught_up", request.until_caught_up());
  return violations;
}

}  // namespace

absl::StatusOr<SubscribeSpec> CheckSubscribe(
    const v1::SubscribeRequest& request) {
  if (!request.subscription().empty()) {
    const Violations conflicts = FindConflicts(request);
    if (!conflicts.empty()) return FieldsConflictError(conflicts);
    return NotImplementedError(
        "durable subscriptions are not implemented yet; leave `subscription` "
        "empty and keep the cursor yourself");
  }

  SubscribeSpec spec;
  Violations violations;
  spec.heartbeat_interval = kHeartbeatDefault;
  if (request.has_heartbeat_interval()) {
    spec.heartbeat_interval =
        std::clamp(ReadDuration("heartbeat_interval",
                                request.heartbeat_interval(), violations),
                   kHeartbeatMin, kHeartbeatMax);
  }
  absl::StatusOr<ReadSpec> read =
      CheckRead(request, v1::START_POSITION_LATEST, std::move(violations));
  if (!read.ok()) return read.status();
  spec.read = *std::move(read);

  const auto or_default = [](uint32_t value, uint32_t otherwise) {
    return value == 0 ? otherwise : value;
  };
  spec.batch_events_max =
      std::min(or_default(request.max_batch_events(), kBatchEventsDefault),
               kBatchEventsMax);
  spec.batch_bytes_max =
      std::clamp(or_default(request.max_batch_bytes(), kBatchBytesDefault),
                 kBatchBytesMin, kBatchBytesMax);
  spec.until_caught_up = request.until_caught_up();
  return spec;
}

absl::StatusOr<ListSpec> CheckList(const v1::ListEventsRequest& request) {
  ListSpec spec;
  Violations violations;
  if (request.page_size() < 0) {
    violations.push_back(
        {"page_size", absl::StrCat(request.page_size(),
                                   " is negative; allowed are 0 (unset) and "
                                   "above, of which at most ",
                                   kBatchEventsMax, " are returned")});
  }
  if (request.has_wait()) {
    const size_t before = violations.size();
    spec.wait = ReadDuration("wait", request.wait(), violations);
    if (violations.size() == before &&
        (spec.wait < absl::ZeroDuration() || spec.wait > kListWaitMax)) {
      violations.push_back(
          {"wait", absl::StrCat("allowed are 0s to ",
                                absl::FormatDuration(kListWaitMax))});
    }
  }
  absl::StatusOr<ReadSpec> read =
      CheckRead(request, v1::START_POSITION_EARLIEST, std::move(violations));
  if (!read.ok()) return read.status();
  spec.read = *std::move(read);

  const auto page_size = static_cast<uint32_t>(request.page_size());
  spec.page_size = page_size == 0 ? kBatchEventsDefault
                                  : std::min(page_size, kBatchEventsMax);
  return spec;
}

}  // namespace enveloperelay
