#ifndef ENVELOPE_RELAY_SERVER_STREAM_ERRORS_H_
#define ENVELOPE_RELAY_SERVER_STREAM_ERRORS_H_

#include <grpcpp/support/status.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// The errors of the gRPC contract, one function a row. Each is a status whose
// payloads are the details (ErrorInfo, and BadRequest or RetryInfo where they
// say something) by their type URLs. Functions here are thread-safe.

// A field of a request that is wrong.
struct FieldViolation {
  std::string field;        // its path, e.g. "filter.envelope_ids"
  std::string description;  // what is wrong, and what is allowed
};

absl::Status CursorInvalidError();
// The events right after `after` are gone; `bounds` says what is left.
absl::Status CursorExpiredError(Sequence after, const LogBounds& bounds);
// `cursor` is past the end of the log, which is `latest`.
absl::Status CursorAheadError(Sequence cursor, Sequence latest);
// The cursor is of log `cursor`, this one is `log_id`.
absl::Status CursorUnknownLogError(LogId cursor, LogId log_id);
// At least one violation.
absl::Status FieldsConflictError(const std::vector<FieldViolation>& violations);
absl::Status FieldInvalidError(const std::vector<FieldViolation>& violations);
absl::Status EventNotFoundError(std::string_view key);
absl::Status QuarantinedNotFoundError();
absl::Status ReaderStalledError(absl::Duration stalled);
absl::Status SubscriptionNotFoundError(std::string_view subscription);
absl::Status SubscriptionExistsError(std::string_view subscription);
absl::Status EtagMismatchError();
absl::Status WorkerSupersededError(std::string_view worker_id);
// There are as many subscriptions as there may be.
absl::Status SubscriptionLimitError(size_t subscriptions_max);
// Their filters take as much memory as they may. The same reason.
absl::Status FilterLimitError(size_t bytes_max);
absl::Status StreamLimitError(std::string_view limit);
// `what` says what is wrong, and never repeats a credential.
absl::Status CredentialsInvalidError(std::string_view what);
absl::Status AccessDeniedError(std::string_view what);
absl::Status DrainingError();

// Returns `status` of the log as the row of the contract that it belongs to:
// kDataLoss and kUnavailable have one, anything else is a bug, which gets a
// requestId and is logged with it. A status that is a row already comes back.
absl::Status FromLog(const absl::Status& status);

// The ErrorInfo's reason, e.g. "CURSOR_EXPIRED"; empty if there is none.
std::string ReasonOf(const absl::Status& status);

// Returns `status` with its details packed as google.rpc.Status, as the
// trailer grpc-status-details-bin carries them. Goes through FromLog first.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_ERRORS_H_
