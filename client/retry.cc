#include "client/retry.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/error_info.h"

namespace enveloperelay::client {

absl::Duration Backoff::Next(double random) {
  const absl::Duration delay = std::min(bound_, max_) * random;
  bound_ = std::min(bound_ * 2, max_);
  return delay;
}

bool RetryMayMend(const absl::Status& status, bool answered) {
  const std::optional<ErrorInfo> info = GetErrorInfo(status);
  const bool from_relay = info.has_value();
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return !from_relay && answered;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDataLoss:
      return !from_relay;
    case absl::StatusCode::kAborted:
      // Two that take over from each other would never end.
      return !from_relay || info->reason != "WORKER_SUPERSEDED";
    default:
      return true;
  }
}

}  // namespace enveloperelay::client
