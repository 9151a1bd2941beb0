#ifndef ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_
#define ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstddef>

#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/grpc/calls.h"
#include "server/grpc/pooled_call.h"
#include "server/log/event_log.h"
#include "server/stream/metrics.h"
#include "server/stream/stream.h"

namespace enveloperelay {

// The generated service, with bytes for messages where events are sent.
using EventServiceBase =
    v1::EnvelopeEventService::WithRawCallbackMethod_Subscribe<
        v1::EnvelopeEventService::WithRawCallbackMethod_ListEvents<
            v1::EnvelopeEventService::WithRawCallbackMethod_GetEvent<
                v1::EnvelopeEventService::WithCallbackMethod_Acknowledge<
                    v1::EnvelopeEventService::WithCallbackMethod_GetLog<
                        v1::EnvelopeEventService::Service>>>>>;

// EnvelopeEventService over an EventLog. Its handlers, which gRPC calls on
// threads of its own, check requests and hand over to the pool; see Stream and
// Listing for what happens there. Outlives the grpc::Server that it is
// registered with. Thread-safe.
class EventService final : public EventServiceBase {
 public:
  struct Options {
    StreamOptions stream = {};
    CallLimits calls = {};
    // Run the streams and read the log for them.
    size_t threads = 2;
  };

  // `log`, `clock` and `registry` outlive it.
  EventService(const Options& options, EventLog& log, const Clock& clock,
               prometheus::Registry& registry);

  // Ends every stream as planned, and turns new calls away.
  void Drain() { calls_.Drain(); }
  // Returns when no call is left, or at `deadline`: then false.
  bool WaitUntilIdle(std::chrono::steady_clock::time_point deadline) {
    return calls_.WaitUntilEmpty(deadline);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetEvent(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetLog(grpc::CallbackServerContext* context,
                                   const v1::GetLogRequest* request,
                                   v1::GetLogResponse* response) override;
  grpc::ServerUnaryReactor* Acknowledge(
      grpc::CallbackServerContext* context,
      const v1::AcknowledgeRequest* request,
      v1::AcknowledgeResponse* response) override;

 private:
  const StreamOptions options_;
  EventLog& log_;
  const Clock& clock_;
  StreamMetrics metrics_;
  Calls calls_;
  CallPool pool_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_
