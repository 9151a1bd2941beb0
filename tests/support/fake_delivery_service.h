#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_DELIVERY_SERVICE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_DELIVERY_SERVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/util/time_util.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "grpcpp/support/sync_stream.h"
#include "server/base/mutex.h"

namespace enveloperelay::testing {

// An event service on a loopback port with one durable subscription: delivers
// its events to the first worker, once, and keeps how each was settled.
class FakeDeliveryService final : v1::EnvelopeEventService::Service {
 public:
  // When `refusal` is not OK, it is what Subscribe is answered.
  explicit FakeDeliveryService(std::vector<v1::EnvelopeEvent> events,
                               grpc::Status refusal = grpc::Status::OK)
      : events_(std::move(events)), refusal_(std::move(refusal)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeDeliveryService() override {
    {
      const MutexLock lock(mutex_);
      ending_ = true;
    }
    server_->Shutdown();
  }
  FakeDeliveryService(const FakeDeliveryService&) = delete;
  FakeDeliveryService& operator=(const FakeDeliveryService&) = delete;

  const std::string& address() const { return address_; }

  std::vector<v1::SubscribeRequest> requests() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return requests_;
  }

  // By sequence. Extensions are left out.
  std::map<uint64_t, v1::Settlement> settlements() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return settlements_;
  }

 private:
  grpc::Status GetLog(grpc::ServerContext* /*context*/,
                      const v1::GetLogRequest* /*request*/,
                      v1::GetLogResponse* /*response*/) override {
    return grpc::Status::OK;
  }

  grpc::Status Subscribe(
      grpc::ServerContext* context, const v1::SubscribeRequest* request,
      grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    const MutexLock lock(mutex_);
    requests_.push_back(*request);
    if (!refusal_.ok()) return refusal_;
    if (requests_.size() == 1) writer->Write(Delivery());
    while (!ending_ && !context->IsCancelled()) {
      // Cancellation wakes nobody.
      cancelled_.WaitFor(mutex_, absl::Milliseconds(5));
    }
    return grpc::Status::OK;
  }

  grpc::Status Acknowledge(grpc::ServerContext* /*context*/,
                           const v1::AcknowledgeRequest* request,
                           v1::AcknowledgeResponse* response) override {
    const MutexLock lock(mutex_);
    for (const v1::Settlement& settlement : request->settlements()) {
      response->add_statuses(v1::SETTLEMENT_STATUS_OK);
      if (settlement.action() == v1::ACK_ACTION_EXTEND) continue;
      for (const uint64_t sequence : settlement.sequences()) {
        settlements_.emplace(sequence, settlement);
      }
      if (!settlement.sequences().empty()) continue;
      for (const v1::EnvelopeEvent& event : events_) {  // all that are left
        settlements_.emplace(event.sequence(), settlement);
      }
    }
    return grpc::Status::OK;
  }

  v1::SubscribeResponse Delivery() const {
    using google::protobuf::util::TimeUtil;
    v1::SubscribeResponse response;
    response.mutable_events()->Add(events_.begin(), events_.end());
    *response.mutable_server_time() = TimeUtil::GetCurrentTime();
    response.mutable_delivery()->set_delivery_id("d");
    *response.mutable_delivery()->mutable_ack_deadline() =
        TimeUtil::GetCurrentTime() + TimeUtil::MinutesToDuration(10);
    *response.mutable_info()->mutable_heartbeat_interval() =
        TimeUtil::MinutesToDuration(5);
    return response;
  }

  const std::vector<v1::EnvelopeEvent> events_;
  const grpc::Status refusal_;
  mutable Mutex mutex_;
  CondVar cancelled_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<v1::SubscribeRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, v1::Settlement> settlements_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_FAKE_DELIVERY_SERVICE_H_
