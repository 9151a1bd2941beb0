#include "server/grpc/call_guard.h"

#include <grpcpp/server_context.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/registry.h"
#include "server/access/access.h"
#include "server/access/caller.h"
#include "server/access/method.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/grpc/peer.h"
#include "server/stream/errors.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kReasons[] = {"CREDENTIALS_INVALID", "ACCESS_DENIED",
                                         "STREAM_LIMIT"};

// Makes what Access says a row of the contract.
absl::Status FromAccess(const absl::Status& status) {
  const std::string what(status.message());
  if (absl::IsUnauthenticated(status)) return CredentialsInvalidError(what);
  if (absl::IsPermissionDenied(status)) return AccessDeniedError(what);
  return status;
}

}  // namespace

CallGuard::CallGuard(const Access& access, const Clock& clock,
                     prometheus::Registry& registry)
    : access_(access), clock_(clock), lines_(kRefusalLineInterval) {
  prometheus::Family<prometheus::Counter>& family =
      prometheus::BuildCounter()
          .Name("envelope_relay_grpc_refused_calls_total")
          .Help("Calls refused for who called, by reason.")
          .Register(registry);
  for (const std::string_view reason : kReasons) {
    refusals_[reason] = &family.Add({{"reason", std::string(reason)}});
  }
}

absl::StatusOr<Caller> CallGuard::Identify(
    const grpc::ServerContextBase& context) const {
  absl::StatusOr<Caller> caller = access_.open()
                                      ? access_.Identify({})
                                      : access_.Identify(PresentedBy(context));
  if (!caller.ok()) return FromAccess(caller.status());
  return caller;
}

absl::Status CallGuard::Check(const CallRight& right) const {
  // A list shows what the caller may see; it need not be all.
  return FromAccess(
      right.method == Method::kListSubscriptions
          ? access_.CheckAny(right.caller, right.method)
          : access_.Check(right.caller, right.method, right.subscription));
}

absl::StatusOr<CallRight> CallGuard::Admit(
    const grpc::ServerContextBase& context, Method method,
    std::string_view subscription) const {
  absl::StatusOr<Caller> caller = Identify(context);
  if (!caller.ok()) return caller.status();
  CallRight right = {.caller = *std::move(caller),
                     .method = method,
                     .subscription = std::string(subscription)};
  absl::Status status = Check(right);
  if (!status.ok()) return status;
  return right;
}

void CallGuard::Refused(const grpc::ServerContextBase& context, Method method,
                        const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  const auto found = refusals_.find(reason);
  if (found == refusals_.end()) return;
  found->second->Increment();
  const std::optional<int> held_back = lines_.Admit(clock_.Now());
  if (!held_back.has_value()) return;
  LogWarning("call refused", {{LogKey::kMethod, NameOf(method)},
                              {LogKey::kPeer, context.peer()},
                              {LogKey::kReason, reason},
                              {LogKey::kDetail, std::string(status.message())},
                              {LogKey::kHeldBack, *held_back}});
}

}  // namespace enveloperelay
