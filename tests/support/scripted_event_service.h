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
// For what a real relay cannot be made to do on demand.
class ScriptedEventService final : v1::EnvelopeEventService::Service {
 public:
  // One call, as an act sees it.
  class Call {
   public:
    const v1::SubscribeRequest& request() const { return request_; }
    void Send(const v1::SubscribeResponse& response) {
      writer_.Write(response);
    }
    // Says nothing more for as long as the service lives.
    grpc::Status Silence() { return service_.AwaitEnd(); }

   private:
    friend class ScriptedEventService;
    Call(ScriptedEventService& service, const v1::SubscribeRequest& request,
         grpc::ServerWriter<v1::SubscribeResponse>& writer)
        : service_(service), request_(request), writer_(writer) {}

    ScriptedEventService& service_;
    const v1::SubscribeRequest& request_;
    grpc::ServerWriter<v1::SubscribeResponse>& writer_;
  };
  using Act = std::function<grpc::Status(Call&)>;

  explicit ScriptedEventService(std::vector<Act> script)
      : script_(std::move(script)) {
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
      end_.NotifyAll();
    }
    server_->Shutdown();
  }

  ScriptedEventService(const ScriptedEventService&) = delete;
  ScriptedEventService& operator=(const ScriptedEventService&) = delete;

  const std::string& address() const { return address_; }

  // The cursors that the calls so far asked for.
  std::vector<std::string> cursors() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return cursors_;
  }

 private:
  grpc::Status Subscribe(
      grpc::ServerContext* /*context*/, const v1::SubscribeRequest* request,
      grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    size_t number = 0;
    {
      const MutexLock lock(mutex_);
      number = cursors_.size();
      cursors_.push_back(request->cursor());
    }
    if (number >= script_.size()) return AwaitEnd();
    Call call(*this, *request, *writer);
    return script_[number](call);
  }

  grpc::Status AwaitEnd() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    while (!ending_) end_.Wait(mutex_);
    return grpc::Status::OK;
  }

  const std::vector<Act> script_;
  mutable Mutex mutex_;
  CondVar end_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> cursors_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_EVENT_SERVICE_H_
