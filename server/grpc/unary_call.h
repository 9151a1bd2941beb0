#ifndef ENVELOPE_RELAY_SERVER_GRPC_UNARY_CALL_H_
#define ENVELOPE_RELAY_SERVER_GRPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/access/method.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/calls.h"
#include "server/grpc/pooled_call.h"
#include "server/log/event_log.h"
#include "server/stream/errors.h"

namespace enveloperelay {

// What every call needs; all outlive it.
struct CallEnvironment {
  EventLog& log;
  Calls& calls;
  CallPool& pool;
  CallGuard& guard;
};

// A unary call that runs on the pool. It keeps itself alive until gRPC is done
// with it.
class UnaryCall : public grpc::ServerUnaryReactor, public PooledCall {
 public:
  explicit UnaryCall(const CallEnvironment& environment)
      : PooledCall(environment.pool), calls_(environment.calls) {}

  void Begin(std::shared_ptr<UnaryCall> self) {
    self_ = std::move(self);
    StepSoon();
  }

  void OnDone() override {
    Post([this] { StopSteps(); });
    calls_.Leave(this);
    self_.reset();
  }

 private:
  Calls& calls_;
  std::shared_ptr<UnaryCall> self_;
};

// Ends a call that needs no thread of the pool.
inline grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context,
                                           const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// As above, for a call that is refused.
inline grpc::ServerUnaryReactor* Refuse(CallGuard& guard,
                                        grpc::CallbackServerContext* context,
                                        Method method,
                                        const absl::Status& status) {
  guard.Refused(*context, method, status);
  return FinishNow(context, status);
}

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_UNARY_CALL_H_
