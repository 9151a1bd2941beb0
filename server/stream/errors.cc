#include "server/stream/errors.h"

#include <grpcpp/support/status.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/status_details.pb.h"
#include "server/base/logging.h"
#include "server/log/cursor.h"
#include "server/log/errors.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

constexpr absl::string_view kErrorInfo =
    "type.googleapis.com/google.rpc.ErrorInfo";
constexpr absl::string_view kBadRequest =
    "type.googleapis.com/google.rpc.BadRequest";
constexpr absl::string_view kRetryInfo =
    "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "enveloperelay";

using Metadata = std::initializer_list<std::pair<const char*, std::string>>;

absl::Status MakeError(absl::StatusCode code, const char* reason,
                       const std::string& message, Metadata metadata = {}) {
  internal::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kDomain);
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] = value;
  }
  absl::Status status(code, message);
  status.SetPayload(kErrorInfo, absl::Cord(info.SerializeAsString()));
  return status;
}

absl::Status MakeBadRequest(const char* reason,
                            const std::vector<FieldViolation>& violations) {
  std::string message;
  internal::BadRequest details;
  for (const FieldViolation& violation : violations) {
    internal::BadRequest::FieldViolation* added =
        details.add_field_violations();
    added->set_field(violation.field);
    added->set_description(violation.description);
    absl::StrAppend(&message, message.empty() ? "" : "; ", violation.field,
                    ": ", violation.description);
  }
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, reason, message);
  status.SetPayload(kBadRequest, absl::Cord(details.SerializeAsString()));
  return status;
}

// Asks the client to come back in 1 to 3 seconds, so that many that were sent
// away together do not return together.
void SetRetryInfo(absl::Status& status) {
  thread_local absl::InsecureBitGen random;
  const int64_t nanos =
      absl::Uniform<int64_t>(random, 1'000'000'000, 3'000'000'000);
  internal::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(nanos % 1'000'000'000));
  status.SetPayload(kRetryInfo, absl::Cord(retry.SerializeAsString()));
}

absl::Status MakeUnavailable(const std::string& message) {
  absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "SERVER_UNAVAILABLE", message);
  SetRetryInfo(status);
  return status;
}

absl::Status MakeInternal(const absl::Status& cause) {
  thread_local absl::BitGen random;
  const std::string request_id = absl::StrCat(
      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
  LogError("call failed", {{LogKey::kRequestId, request_id},
                           {LogKey::kDetail, cause.ToString()}});
  return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                   "a bug in the relay; its logging has the cause under the "
                   "requestId",
                   {{"requestId", request_id}});
}

}  // namespace

absl::Status CursorInvalidError() {
  return MakeError(absl::StatusCode::kInvalidArgument, "CURSOR_INVALID",
                   "cursor: not a cursor, or damaged; send one back as it was "
                   "received");
}

absl::Status CursorExpiredError(Sequence after, const LogBounds& bounds) {
  const Sequence before{bounds.earliest.value - 1};
  const uint64_t lost = before.value - after.value;
  return MakeError(
      absl::StatusCode::kOutOfRange, "CURSOR_EXPIRED",
      absl::StrCat(lost, " events after sequence ", after.value,
                   " are no longer retained; go on at earliestCursor, or set "
                   "on_cursor_expired to SKIP"),
      {{"earliestCursor", EncodeCursor({bounds.log_id, before})},
       {"earliestSequence", absl::StrCat(bounds.earliest.value)},
       {"lostEvents", absl::StrCat(lost)}});
}

absl::Status CursorAheadError(Sequence cursor, Sequence latest) {
  return MakeError(absl::StatusCode::kOutOfRange, "CURSOR_AHEAD",
                   absl::StrCat("cursor: at sequence ", cursor.value,
                                ", past the end of this log at ", latest.value),
                   {{"latestSequence", absl::StrCat(latest.value)}});
}

absl::Status CursorUnknownLogError(LogId cursor, LogId log_id) {
  return MakeError(absl::StatusCode::kOutOfRange, "CURSOR_UNKNOWN_LOG",
                   absl::StrCat("cursor: of log ", cursor.ToString(),
                                ", but this is log ", log_id.ToString()),
                   {{"logId", log_id.ToString()}});
}

absl::Status FieldsConflictError(
    const std::vector<FieldViolation>& violations) {
  return MakeBadRequest("FIELDS_CONFLICT", violations);
}

absl::Status FieldInvalidError(const std::vector<FieldViolation>& violations) {
  return MakeBadRequest("FIELD_INVALID", violations);
}

absl::Status EventNotFoundError(std::string_view key) {
  return MakeError(
      absl::StatusCode::kNotFound, "EVENT_NOT_FOUND",
      absl::StrCat("no event ", absl::string_view(key.data(), key.size()),
                   " in the log; it may be no longer retained"));
}

absl::Status QuarantinedNotFoundError() {
  return MakeError(absl::StatusCode::kNotFound, "QUARANTINED_NOT_FOUND",
                   "no webhook of this id in quarantine; it may have been "
                   "stored as an event, deleted, or removed to make room");
}

absl::Status ReaderStalledError(absl::Duration stalled) {
  return MakeError(absl::StatusCode::kAborted, "READER_STALLED",
                   absl::StrCat("the client has read nothing for ",
                                absl::FormatDuration(stalled),
                                "; resume with the last cursor"));
}

absl::Status SubscriptionNotFoundError(std::string_view subscription) {
  return MakeError(absl::StatusCode::kNotFound, "SUBSCRIPTION_NOT_FOUND",
                   "no subscription of this name",
                   {{"subscription", std::string(subscription)}});
}

absl::Status SubscriptionExistsError(std::string_view subscription) {
  return MakeError(absl::StatusCode::kAlreadyExists, "SUBSCRIPTION_EXISTS",
                   "there is a subscription of this name; update it, or take "
                   "another name",
                   {{"subscription", std::string(subscription)}});
}

absl::Status EtagMismatchError() {
  return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                   "etag: the subscription has changed since; read it again");
}

absl::Status WorkerSupersededError(std::string_view worker_id) {
  return MakeError(absl::StatusCode::kAborted, "WORKER_SUPERSEDED",
                   "another stream with this worker_id has taken over",
                   {{"workerId", std::string(worker_id)}});
}

absl::Status SubscriptionLimitError(size_t subscriptions_max) {
  return MakeError(absl::StatusCode::kResourceExhausted, "SUBSCRIPTION_LIMIT",
                   absl::StrCat("the relay keeps at most ", subscriptions_max,
                                " subscriptions; delete one"));
}

absl::Status FilterLimitError(size_t bytes_max) {
  return MakeError(
      absl::StatusCode::kResourceExhausted, "SUBSCRIPTION_LIMIT",
      absl::StrCat("the filters of all subscriptions take at most ", bytes_max,
                   " bytes; use a shorter one, or delete a subscription"));
}

absl::Status StreamLimitError(std::string_view limit) {
  absl::Status status = MakeError(absl::StatusCode::kResourceExhausted,
                                  "STREAM_LIMIT", std::string(limit));
  SetRetryInfo(status);
  return status;
}

absl::Status CredentialsInvalidError(std::string_view what) {
  return MakeError(absl::StatusCode::kUnauthenticated, "CREDENTIALS_INVALID",
                   std::string(what));
}

absl::Status AccessDeniedError(std::string_view what) {
  return MakeError(absl::StatusCode::kPermissionDenied, "ACCESS_DENIED",
                   std::string(what));
}

absl::Status DrainingError() {
  return MakeUnavailable("the relay is being stopped");
}

absl::Status FromLog(const absl::Status& status) {
  if (status.ok() || status.GetPayload(kErrorInfo).has_value()) return status;
  const std::string message(status.message());
  const std::optional<Sequence> corrupt = CorruptSequence(status);
  if (absl::IsDataLoss(status) && corrupt.has_value()) {
    return MakeError(absl::StatusCode::kDataLoss, "RECORD_CORRUPT", message,
                     {{"sequence", absl::StrCat(corrupt->value)}});
  }
  if (absl::IsUnavailable(status)) return MakeUnavailable(message);
  return MakeInternal(status);
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrorInfo);
  internal::ErrorInfo info;
  if (payload.has_value()) info.ParseFromString(std::string(*payload));
  return info.reason();
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status error = FromLog(status);
  internal::Status packed;
  packed.set_code(static_cast<int>(error.code()));
  packed.set_message(std::string(error.message()));
  for (const absl::string_view url : {kErrorInfo, kBadRequest, kRetryInfo}) {
    const auto payload = error.GetPayload(url);
    if (!payload.has_value()) continue;
    google::protobuf::Any* any = packed.add_details();
    any->set_type_url(std::string(url));
    any->set_value(std::string(*payload));
  }
  // absl::StatusCode and grpc::StatusCode number the same codes alike.
  return grpc::Status(static_cast<grpc::StatusCode>(error.code()),
                      packed.message(), packed.SerializeAsString());
}

}  // namespace enveloperelay
