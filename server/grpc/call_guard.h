#ifndef ENVELOPE_RELAY_SERVER_GRPC_CALL_GUARD_H_
#define ENVELOPE_RELAY_SERVER_GRPC_CALL_GUARD_H_

#include <grpcpp/server_context.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "prometheus/counter.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/base/clock.h"
#include "server/base/log_limit.h"

namespace enveloperelay {

// What an open call rests on.
struct CallRight {
  Caller caller;
  Method method = Method::kGetLog;
  std::string subscription = {};
};

// Asks Access about each call, once, before it is acted on; counts and logs
// those that are refused. Thread-safe.
class CallGuard {
 public:
  // All outlive it.
  CallGuard(const Access& access, const Clock& clock,
            prometheus::Registry& registry);

  // Errors: CREDENTIALS_INVALID.
  absl::StatusOr<Caller> Identify(const grpc::ServerContextBase& context) const;
  // Errors: ACCESS_DENIED, whether or not there is such a subscription;
  // CREDENTIALS_INVALID (no longer valid).
  absl::Status Check(const CallRight& right) const;
  // As Identify and Check together.
  absl::StatusOr<CallRight> Admit(const grpc::ServerContextBase& context,
                                  Method method,
                                  std::string_view subscription) const;

  // Which subscriptions `right` may be used on, besides the one it names.
  std::function<bool(const std::string& subscription)> Filter(
      const CallRight& right) const {
    return access_.Filter(right.caller, right.method);
  }

  // Tells that a call has been refused with `status`, if it is a matter of who
  // called: CREDENTIALS_INVALID, ACCESS_DENIED, STREAM_LIMIT.
  void Refused(const grpc::ServerContextBase& context, Method method,
               const absl::Status& status);

 private:
  const Access& access_;
  const Clock& clock_;
  std::map<std::string_view, prometheus::Counter*> refusals_;
  LogLimit lines_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_CALL_GUARD_H_
