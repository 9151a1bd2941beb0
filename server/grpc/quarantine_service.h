#ifndef ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_SERVICE_H_
#define ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/access/method.h"
#include "server/grpc/management_call.h"
#include "server/grpc/quarantine_management.h"
#include "server/grpc/unary_call.h"

namespace enveloperelay {

// QuarantineService: hands each call over to the pool and to
// QuarantineManagement. Outlives the grpc::Server that it is registered with.
// Thread-safe.
class QuarantineService final : public v1::QuarantineService::CallbackService {
 public:
  // All outlive it.
  QuarantineService(const CallEnvironment& environment,
                    QuarantineManagement& management)
      : environment_(environment), management_(management) {}

  grpc::ServerUnaryReactor* ListQuarantined(
      grpc::CallbackServerContext* context,
      const v1::ListQuarantinedRequest* request,
      v1::ListQuarantinedResponse* response) override {
    return Start(context, Method::kListQuarantined, request, response);
  }
  grpc::ServerUnaryReactor* GetQuarantined(
      grpc::CallbackServerContext* context,
      const v1::GetQuarantinedRequest* request,
      v1::GetQuarantinedResponse* response) override {
    return Start(context, Method::kGetQuarantined, request, response);
  }
  grpc::ServerUnaryReactor* RetryQuarantined(
      grpc::CallbackServerContext* context,
      const v1::RetryQuarantinedRequest* request,
      v1::RetryQuarantinedResponse* response) override {
    return Start(context, Method::kRetryQuarantined, request, response);
  }
  grpc::ServerUnaryReactor* DeleteQuarantined(
      grpc::CallbackServerContext* context,
      const v1::DeleteQuarantinedRequest* request,
      v1::DeleteQuarantinedResponse* response) override {
    return Start(context, Method::kDeleteQuarantined, request, response);
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Start(grpc::CallbackServerContext* context,
                                  Method method, const Request* request,
                                  Response* response) {
    return StartManagementCall(environment_, management_, context, method,
                               /*subscription=*/"", request, response);
  }

  const CallEnvironment environment_;
  QuarantineManagement& management_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_QUARANTINE_SERVICE_H_
