#ifndef ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_MANAGEMENT_H_
#define ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_MANAGEMENT_H_

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/quarantine/retry.h"

namespace enveloperelay {

// What QuarantineService answers: checks each request, has it done, and calls
// `done` once, when that is durable, on any thread that must not be held up.
// Errors are rows of the contract. Thread-safe; blocks on the disk.
class QuarantineManagement {
 public:
  template <typename Response>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Response>) &&>;

  explicit QuarantineManagement(RetryEnvironment environment)
      : env_(std::move(environment)) {}

  void Handle(const v1::ListQuarantinedRequest& request,
              Done<v1::ListQuarantinedResponse> done) const;
  void Handle(const v1::GetQuarantinedRequest& request,
              Done<v1::GetQuarantinedResponse> done) const;
  void Handle(const v1::RetryQuarantinedRequest& request,
              Done<v1::RetryQuarantinedResponse> done) const;
  void Handle(const v1::DeleteQuarantinedRequest& request,
              Done<v1::DeleteQuarantinedResponse> done) const;

 private:
  const RetryEnvironment env_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_MANAGEMENT_H_
