#ifndef ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_
#define ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/access/method.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/calls.h"
#include "server/grpc/unary_call.h"
#include "server/stream/errors.h"

namespace enveloperelay {

// A call that a Management answers.
template <typename Management, typename Request, typename Response>
class ManagementCall final : public UnaryCall {
 public:
  // gRPC keeps request and response until the call is done.
  ManagementCall(const CallEnvironment& environment, Management& management,
                 const CallRight& right, const Request& request,
                 Response& response)
      : UnaryCall(environment),
        management_(management),
        shown_(environment.guard.Filter(right)),
        request_(request),
        response_(response) {}

 private:
  void DoStep() override {
    auto done = [this](absl::StatusOr<Response> response) {
      const absl::Status status = response.status();
      if (status.ok()) response_ = *std::move(response);
      Finish(ToGrpcStatus(status));
    };
    if constexpr (std::is_same_v<Request, v1::ListSubscriptionsRequest>) {
      management_.Handle(request_, shown_, std::move(done));
    } else {
      management_.Handle(request_, std::move(done));
    }
  }
  void DoDrain() override {}  // takes no longer than a write

  Management& management_;
  const std::function<bool(const std::string& subscription)> shown_;
  const Request& request_;
  Response& response_;
};

template <typename Management, typename Request, typename Response>
grpc::ServerUnaryReactor* StartManagementCall(
    const CallEnvironment& environment, Management& management,
    grpc::CallbackServerContext* context, Method method,
    const std::string& subscription, const Request* request,
    Response* response) {
  const absl::StatusOr<CallRight> right =
      environment.guard.Admit(*context, method, subscription);
  if (!right.ok()) {
    return Refuse(environment.guard, context, method, right.status());
  }
  const auto call =
      std::make_shared<ManagementCall<Management, Request, Response>>(
          environment, management, *right, *request, *response);
  const absl::Status entered = environment.calls.Enter(
      call, Calls::Kind::kManage, /*filter_bytes=*/0, *right);
  if (!entered.ok()) return Refuse(environment.guard, context, method, entered);
  call->Begin(call);
  return call.get();
}

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_
