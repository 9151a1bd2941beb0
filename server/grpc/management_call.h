#ifndef ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_
#define ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
                 const Request& request, Response& response)
      : UnaryCall(environment),
        management_(management),
        request_(request),
        response_(response) {}

 private:
  void DoStep() override {
    management_.Handle(request_, [this](absl::StatusOr<Response> response) {
      const absl::Status status = response.status();
      if (status.ok()) response_ = *std::move(response);
      Finish(ToGrpcStatus(status));
    });
  }
  void DoDrain() override {}  // takes no longer than a write

  Management& management_;
  const Request& request_;
  Response& response_;
};

template <typename Management, typename Request, typename Response>
grpc::ServerUnaryReactor* StartManagementCall(
    const CallEnvironment& environment, Management& management,
    grpc::CallbackServerContext* context, const Request* request,
    Response* response) {
  const auto call =
      std::make_shared<ManagementCall<Management, Request, Response>>(
          environment, management, *request, *response);
  const absl::Status entered =
      environment.calls.Enter(call, Calls::Kind::kUnary, /*filter_bytes=*/0);
  if (!entered.ok()) return FinishNow(context, entered);
  call->Begin(call);
  return call.get();
}

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_MANAGEMENT_CALL_H_
