#include "server/stream/request.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/stream/errors.h"
#include "server/stream/fields.h"
#include "server/stream/filter.h"

namespace enveloperelay {
namespace {

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

uint32_t OrDefault(uint32_t value, uint32_t otherwise) {
  return value == 0 ? otherwise : value;
}

WorkerRequest CheckWorker(const v1::SubscribeRequest& request,
                          Violations& violations) {
  if (request.worker_id().size() > kWorkerIdBytesMax) {
    violations.push_back(
        {"worker_id",
         absl::StrCat("of ", request.worker_id().size(), " bytes; at most ",
                      kWorkerIdBytesMax, " are allowed")});
  }
  return {.subscription = request.subscription(),
          .worker_id = request.worker_id(),
          .outstanding_max = std::min(
              OrDefault(request.max_outstanding_events(), kOutstandingDefault),
              kOutstandingMax)};
}

}  // namespace

absl::StatusOr<SubscribeSpec> CheckSubscribe(
    const v1::SubscribeRequest& request) {
  if (!request.subscription().empty()) {
    const Violations conflicts = FindConflicts(request);
    if (!conflicts.empty()) return FieldsConflictError(conflicts);
  }

  SubscribeSpec spec;
  Violations violations;
  if (!request.subscription().empty()) {
    spec.worker = CheckWorker(request, violations);
  }
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

  spec.batch_events_max =
      std::min(OrDefault(request.max_batch_events(), kBatchEventsDefault),
               kBatchEventsMax);
  spec.batch_bytes_max =
      std::clamp(OrDefault(request.max_batch_bytes(), kBatchBytesDefault),
                 kBatchBytesMin, kBatchBytesMax);
  spec.until_caught_up = request.until_caught_up();
  return spec;
}

absl::StatusOr<ListSpec> CheckList(const v1::ListEventsRequest& request) {
  ListSpec spec;
  Violations violations;
  CheckPageSize(request.page_size(), kBatchEventsMax, violations);
  if (request.has_wait()) {
    spec.wait = ReadDuration("wait", request.wait(), absl::ZeroDuration(),
                             kListWaitMax, violations);
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
