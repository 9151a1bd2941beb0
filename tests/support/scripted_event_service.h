#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_EVENT_SERVICE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_EVENT_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/status_details.pb.h"
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

// The cursor of `sequence` in a scripted service.
inline std::string CursorAt(uint64_t sequence) {
  return "c" + std::to_string(sequence);
}

// The first response of a stream that begins after `sequence`.
inline v1::SubscribeResponse Confirmation(
    uint64_t sequence, absl::Duration heartbeat = absl::Seconds(20)) {
  v1::SubscribeResponse response;
  response.set_cursor(CursorAt(sequence));
  *response.mutable_info()->mutable_heartbeat_interval() =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(
          absl::ToInt64Milliseconds(heartbeat));
  return response;
}

inline v1::SubscribeResponse Heartbeat(uint64_t sequence) {
  v1::SubscribeResponse response;
  response.set_cursor(CursorAt(sequence));
  return response;
}

// A batch of the events `first` to `last`.
inline v1::SubscribeResponse Batch(uint64_t first, uint64_t last) {
  v1::SubscribeResponse response;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    v1::EnvelopeEvent& event = *response.add_events();
    event.set_sequence(sequence);
    event.set_cursor(CursorAt(sequence));
  }
  response.set_cursor(CursorAt(last));
  return response;
}

inline v1::SubscribeResponse PlannedEnd(uint64_t sequence, v1::EndReason reason,
                                        absl::Duration retry_delay) {
  v1::SubscribeResponse response;
  response.set_cursor(CursorAt(sequence));
  response.mutable_end()->set_reason(reason);
  *response.mutable_end()->mutable_retry_delay() =
      google::protobuf::util::TimeUtil::MillisecondsToDuration(
          absl::ToInt64Milliseconds(retry_delay));
  return response;
}

// One event of a durable delivery.
struct DeliveredEvent {
  uint64_t sequence;
  std::string envelope_id;
  uint32_t attempt = 1;
};

// A batch on a durable subscription, leased until `lease` after it was sent.
// The relay's clock is not this machine's.
inline v1::SubscribeResponse Delivery(const std::string& delivery_id,
                                      const std::vector<DeliveredEvent>& events,
                                      absl::Duration lease = absl::Hours(1)) {
  using google::protobuf::util::TimeUtil;
  constexpr int64_t kRelayTime = 1'000'000;
  v1::SubscribeResponse response;
  *response.mutable_server_time() =
      TimeUtil::MillisecondsToTimestamp(kRelayTime);
  v1::Delivery& delivery = *response.mutable_delivery();
  delivery.set_delivery_id(delivery_id);
  *delivery.mutable_ack_deadline() = TimeUtil::MillisecondsToTimestamp(
      kRelayTime + absl::ToInt64Milliseconds(lease));
  for (const DeliveredEvent& delivered : events) {
    v1::EnvelopeEvent& event = *response.add_events();
    event.set_sequence(delivered.sequence);
    event.set_envelope_id(delivered.envelope_id);
    delivery.add_attempts(delivered.attempt);
  }
  return response;
}

// A status as the relay reports it, with ErrorInfo.
inline grpc::Status Refusal(
    grpc::StatusCode code, const std::string& reason,
    const std::map<std::string, std::string>& metadata = {}) {
  internal::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("enveloperelay");
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  internal::Status details;
  details.set_code(code);
  details.set_message("refused: " + reason);
  google::protobuf::Any& detail = *details.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail.set_value(info.SerializeAsString());
  return grpc::Status(code, details.message(), details.SerializeAsString());
}

// An event service on a loopback port that plays a script: each Subscribe call
// gets the next act, and a call past the last act is held without a response.
// Acknowledge calls get the answers of another script, and past its last OK for
// each settlement. For what a real relay cannot be made to do on demand.
class ScriptedEventService final : v1::EnvelopeEventService::Service {
 public:
  // One call, as an act sees it.
  class Call {
   public:
    const v1::SubscribeRequest& request() const { return request_; }
    void Send(const v1::SubscribeResponse& response) {
      writer_.Write(response);
    }
    // The client wants no more of it.
    bool IsCancelled() const { return context_.IsCancelled(); }
    // Says nothing more for as long as the service lives.
    grpc::Status Silence() { return service_.AwaitEnd(); }
    // Waits for so many settlements in all, that were answered.
    void AwaitSettlements(size_t count) { service_.AwaitSettlements(count); }

   private:
    friend class ScriptedEventService;
    Call(ScriptedEventService& service, const grpc::ServerContext& context,
         const v1::SubscribeRequest& request,
         grpc::ServerWriter<v1::SubscribeResponse>& writer)
        : service_(service),
          context_(context),
          request_(request),
          writer_(writer) {}

    ScriptedEventService& service_;
    const grpc::ServerContext& context_;
    const v1::SubscribeRequest& request_;
    grpc::ServerWriter<v1::SubscribeResponse>& writer_;
  };
  using Act = std::function<grpc::Status(Call&)>;

  // What one Acknowledge call is answered.
  using Answer = std::function<grpc::Status(const v1::AcknowledgeRequest&,
                                            v1::AcknowledgeResponse&)>;

  explicit ScriptedEventService(std::vector<Act> script,
                                std::vector<Answer> answers = {})
      : script_(std::move(script)), answers_(std::move(answers)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  ~ScriptedEventService() override {
    {
      const MutexLock lock(mutex_);
      ending_ = true;
      changed_.NotifyAll();
    }
    server_->Shutdown();
  }

  ScriptedEventService(const ScriptedEventService&) = delete;
  ScriptedEventService& operator=(const ScriptedEventService&) = delete;

  const std::string& address() const { return address_; }

  // The cursors that the calls so far asked for.
  std::vector<std::string> cursors() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    std::vector<std::string> cursors;
    for (const v1::SubscribeRequest& request : requests_) {
      cursors.push_back(request.cursor());
    }
    return cursors;
  }

  // The Subscribe calls so far.
  std::vector<v1::SubscribeRequest> requests() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return requests_;
  }

  // How many acts of the script have ended.
  size_t acts_over_count() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return acts_over_count_;
  }

  // The Acknowledge calls so far.
  std::vector<v1::AcknowledgeRequest> acknowledgements() const
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return acknowledgements_;
  }

  // Waits for so many settlements in all, that were answered.
  void AwaitSettlements(size_t count) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    while (settlements_count_ < count && !ending_) changed_.Wait(mutex_);
  }

 private:
  grpc::Status Subscribe(
      grpc::ServerContext* context, const v1::SubscribeRequest* request,
      grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    size_t number = 0;
    {
      const MutexLock lock(mutex_);
      number = requests_.size();
      requests_.push_back(*request);
    }
    if (number >= script_.size()) return AwaitEnd();
    Call call(*this, *context, *request, *writer);
    grpc::Status status = script_[number](call);
    const MutexLock lock(mutex_);
    acts_over_count_ += 1;
    return status;
  }

  grpc::Status Acknowledge(grpc::ServerContext* /*context*/,
                           const v1::AcknowledgeRequest* request,
                           v1::AcknowledgeResponse* response) override {
    size_t number = 0;
    {
      const MutexLock lock(mutex_);
      number = acknowledgements_.size();
      acknowledgements_.push_back(*request);
    }
    if (number < answers_.size()) {
      const grpc::Status status = answers_[number](*request, *response);
      if (!status.ok()) return status;
    }
    while (response->statuses_size() < request->settlements_size()) {
      response->add_statuses(v1::SETTLEMENT_STATUS_OK);
    }
    const MutexLock lock(mutex_);
    settlements_count_ += static_cast<size_t>(request->settlements_size());
    changed_.NotifyAll();
    return grpc::Status::OK;
  }

  grpc::Status AwaitEnd() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    while (!ending_) changed_.Wait(mutex_);
    return grpc::Status::OK;
  }

  const std::vector<Act> script_;
  const std::vector<Answer> answers_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<v1::SubscribeRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::AcknowledgeRequest> acknowledgements_ ABSL_GUARDED_BY(mutex_);
  size_t acts_over_count_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t settlements_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_EVENT_SERVICE_H_
