#ifndef ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_
#define ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <string>

#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/grpc/unary_call.h"
#include "server/stream/metrics.h"
#include "server/stream/positions.h"
#include "server/stream/request.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"
#include "server/stream/stream.h"
#include "server/subscriptions/management.h"
#include "server/subscriptions/subscriptions.h"

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
// threads of its own, check callers and requests and hand over to the pool; see
// Stream and Listing for what happens there. Outlives the grpc::Server that it
// is registered with. Thread-safe.
class EventService final : public EventServiceBase {
 public:
  // All outlive it.
  EventService(StreamOptions options, const CallEnvironment& environment,
               const Clock& clock, Subscriptions& subscriptions,
               Management& management, prometheus::Registry& registry);

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

  // Events after the position of the plain stream that is furthest behind; 0
  // without streams.
  uint64_t Backlog() const;

 private:
  // Where a caller is, and who.
  struct Peer {
    std::string address;
    std::string principal;
  };

  std::unique_ptr<StreamSource> MakeSource(SubscribeSpec spec, const Peer& peer,
                                           StepScheduler& steps);

  const StreamOptions options_;
  const CallEnvironment environment_;
  const Clock& clock_;
  Subscriptions& subscriptions_;
  Management& management_;
  StreamMetrics metrics_;
  StreamPositions positions_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_EVENT_SERVICE_H_
