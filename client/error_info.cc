#include "enveloperelay/error_info.h"

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "enveloperelay/internal/status_details.pb.h"
#include "google/protobuf/any.pb.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "enveloperelay";

template <typename Message>
std::optional<Message> GetDetail(const absl::Status& status,
                                 const char* type_url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(type_url);
  Message message;
  if (!payload.has_value() || !message.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return message;
}

}  // namespace

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  internal::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : details.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status) {
  const auto detail = GetDetail<internal::ErrorInfo>(status, kErrorInfoUrl);
  if (!detail.has_value() || detail->domain() != kDomain) return std::nullopt;
  return ErrorInfo{.reason = detail->reason(),
                   .metadata = std::map<std::string, std::string>(
                       detail->metadata().begin(), detail->metadata().end())};
}

std::optional<absl::Duration> GetRetryDelay(const absl::Status& status) {
  const auto detail = GetDetail<internal::RetryInfo>(status, kRetryInfoUrl);
  if (!detail.has_value() || !detail->has_retry_delay()) return std::nullopt;
  return absl::Seconds(detail->retry_delay().seconds()) +
         absl::Nanoseconds(detail->retry_delay().nanos());
}

}  // namespace enveloperelay::client
