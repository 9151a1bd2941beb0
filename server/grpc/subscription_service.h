#ifndef ENVELOPE_RELAY_SERVER_GRPC_SUBSCRIPTION_SERVICE_H_
#define ENVELOPE_RELAY_SERVER_GRPC_SUBSCRIPTION_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/status/status.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/access/method.h"
#include "server/grpc/management_call.h"
#include "server/grpc/unary_call.h"
#include "server/subscriptions/management.h"

namespace enveloperelay {

// SubscriptionService: checks who calls, and hands each call over to the pool
// and to Management. Outlives the grpc::Server that it is registered with.
// Thread-safe.
class SubscriptionService final
    : public v1::SubscriptionService::CallbackService {
 public:
  // All outlive it.
  SubscriptionService(const CallEnvironment& environment,
                      Management& management)
      : environment_(environment), management_(management) {}

  grpc::ServerUnaryReactor* CreateSubscription(
      grpc::CallbackServerContext* context,
      const v1::CreateSubscriptionRequest* request,
      v1::CreateSubscriptionResponse* response) override {
    return Start(context, Method::kCreateSubscription,
                 request->subscription().name(), request, response);
  }
  grpc::ServerUnaryReactor* GetSubscription(
      grpc::CallbackServerContext* context,
      const v1::GetSubscriptionRequest* request,
      v1::GetSubscriptionResponse* response) override {
    return Start(context, Method::kGetSubscription, request->name(), request,
                 response);
  }
  grpc::ServerUnaryReactor* ListSubscriptions(
      grpc::CallbackServerContext* context,
      const v1::ListSubscriptionsRequest* request,
      v1::ListSubscriptionsResponse* response) override {
    return Start(context, Method::kListSubscriptions, "", request, response);
  }
  grpc::ServerUnaryReactor* UpdateSubscription(
      grpc::CallbackServerContext* context,
      const v1::UpdateSubscriptionRequest* request,
      v1::UpdateSubscriptionResponse* response) override {
    const std::string& name = request->subscription().name();
    if (request->allow_missing()) {
      // Needs both, whether or not it is there: else the answer would tell.
      const absl::Status status =
          environment_.guard.Admit(*context, Method::kCreateSubscription, name)
              .status();
      if (!status.ok()) {
        return Refuse(environment_.guard, context, Method::kCreateSubscription,
                      status);
      }
    }
    return Start(context, Method::kUpdateSubscription, name, request, response);
  }
  grpc::ServerUnaryReactor* DeleteSubscription(
      grpc::CallbackServerContext* context,
      const v1::DeleteSubscriptionRequest* request,
      v1::DeleteSubscriptionResponse* response) override {
    return Start(context, Method::kDeleteSubscription, request->name(), request,
                 response);
  }
  grpc::ServerUnaryReactor* SeekSubscription(
      grpc::CallbackServerContext* context,
      const v1::SeekSubscriptionRequest* request,
      v1::SeekSubscriptionResponse* response) override {
    return Start(context, Method::kSeekSubscription, request->name(), request,
                 response);
  }
  grpc::ServerUnaryReactor* ListDeadLetters(
      grpc::CallbackServerContext* context,
      const v1::ListDeadLettersRequest* request,
      v1::ListDeadLettersResponse* response) override {
    return Start(context, Method::kListDeadLetters, request->subscription(),
                 request, response);
  }
  grpc::ServerUnaryReactor* ReplayDeadLetters(
      grpc::CallbackServerContext* context,
      const v1::ReplayDeadLettersRequest* request,
      v1::ReplayDeadLettersResponse* response) override {
    return Start(context, Method::kReplayDeadLetters, request->subscription(),
                 request, response);
  }
  grpc::ServerUnaryReactor* DeleteDeadLetters(
      grpc::CallbackServerContext* context,
      const v1::DeleteDeadLettersRequest* request,
      v1::DeleteDeadLettersResponse* response) override {
    return Start(context, Method::kDeleteDeadLetters, request->subscription(),
                 request, response);
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Start(grpc::CallbackServerContext* context,
                                  Method method,
                                  const std::string& subscription,
                                  const Request* request, Response* response) {
    return StartManagementCall(environment_, management_, context, method,
                               subscription, request, response);
  }

  const CallEnvironment environment_;
  Management& management_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_SUBSCRIPTION_SERVICE_H_
