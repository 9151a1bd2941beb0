#ifndef ENVELOPERELAY_ERROR_INFO_H_
#define ENVELOPERELAY_ERROR_INFO_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace enveloperelay::client {

// Why the relay refused a call: google.rpc.ErrorInfo of domain
// "enveloperelay". Every error that the relay itself reports has one; an error
// without comes from the way to it (connection, proxy, load balancer).
struct ErrorInfo {
  // UPPER_SNAKE_CASE, e.g. "CURSOR_EXPIRED".
  std::string reason;
  // Keys in lowerCamelCase, e.g. {"earliestSequence", "42"}.
  std::map<std::string, std::string> metadata;

  friend bool operator==(const ErrorInfo&, const ErrorInfo&) = default;
};

// Returns `status` as an absl::Status: same code and message, each of its
// details (google.rpc.Status.details) as a payload under its type URL.
absl::Status FromGrpcStatus(const grpc::Status& status);

// Returns why the relay refused, or nothing when `status` is not the relay's
// own. `status` comes from a Subscriber or from FromGrpcStatus.
std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status);

// Returns how long the relay asks to wait before trying again
// (google.rpc.RetryInfo), or nothing when it does not say.
std::optional<absl::Duration> GetRetryDelay(const absl::Status& status);

}  // namespace enveloperelay::client

#endif  // ENVELOPERELAY_ERROR_INFO_H_
