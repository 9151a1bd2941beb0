#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_STATUS_DETAILS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_STATUS_DETAILS_H_

#include <grpcpp/support/status.h>

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/internal/status_details.pb.h"

namespace enveloperelay::testing {

// What stands in grpc-status-details-bin of a status.
struct StatusDetails {
  int code = 0;
  std::string message;
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> fields;  // of the BadRequest
  absl::Duration retry_delay;       // zero: there is no RetryInfo
};

inline StatusDetails ReadDetails(const grpc::Status& status) {
  StatusDetails details;
  internal::Status packed;
  if (!packed.ParseFromString(status.error_details())) return details;
  details.code = packed.code();
  details.message = packed.message();
  for (const google::protobuf::Any& any : packed.details()) {
    const std::string prefix = "type.googleapis.com/google.rpc.";
    if (any.type_url() == prefix + "ErrorInfo") {
      internal::ErrorInfo info;
      info.ParseFromString(any.value());
      details.reason = info.reason();
      details.domain = info.domain();
      details.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (any.type_url() == prefix + "BadRequest") {
      internal::BadRequest bad;
      bad.ParseFromString(any.value());
      for (const auto& violation : bad.field_violations()) {
        details.fields.push_back(violation.field());
      }
    } else if (any.type_url() == prefix + "RetryInfo") {
      internal::RetryInfo retry;
      retry.ParseFromString(any.value());
      details.retry_delay = absl::Seconds(retry.retry_delay().seconds()) +
                            absl::Nanoseconds(retry.retry_delay().nanos());
    }
  }
  return details;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_STATUS_DETAILS_H_
