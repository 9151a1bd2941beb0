// A worker of a durable subscription for tests to kill:
//
//   subscription_worker TARGET SUBSCRIPTION WORKER_ID RECORDS
//
// Handles events until it is killed, and reconnects for good. It appends to
// RECORDS, which workers share, a line for each thing that it does, before it
// does the next:
//
//   start SEQUENCE ATTEMPT ENVELOPE   begins with an event
//   done SEQUENCE                     has handled it, and will settle it
//   answered SEQUENCE                 the settlement was answered with OK
//   late SEQUENCE                     … with LATE
//   problem TEXT                      what must not be
#include <fcntl.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {
namespace {

class Worker {
 public:
  Worker(const std::string& target, std::string subscription,
         std::string worker_id, int records)
      : subscription_(std::move(subscription)),
        worker_id_(std::move(worker_id)),
        records_(records),
        stub_(v1::EnvelopeEventService::NewStub(Connect(target))) {}

  [[noreturn]] void Run() {
    for (;;) {
      v1::SubscribeRequest request;
      request.set_subscription(subscription_);
      request.set_worker_id(worker_id_);
      request.set_max_batch_events(16);
      request.set_max_outstanding_events(32);
      grpc::ClientContext context;
      // While the relay is away.
      context.set_wait_for_ready(true);
      const auto stream = stub_->Subscribe(&context, request);
      v1::SubscribeResponse batch;
      while (stream->Read(&batch) && Handle(batch)) {
      }
      context.TryCancel();
      const grpc::Status status = stream->Finish();
      if (!IsExpected(status.error_code())) {
        Record(absl::StrCat("problem ", status.error_message(), "\n"));
      }
    }
  }

 private:
  static std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  static bool IsExpected(grpc::StatusCode code) {
    return code == grpc::StatusCode::OK ||
           code == grpc::StatusCode::CANCELLED ||
           code == grpc::StatusCode::UNAVAILABLE ||
           // By a stream that the worker of this name had begun when it was
           // killed, and that the relay has taken up after this one.
           code == grpc::StatusCode::ABORTED;
  }

  // One write, so that lines of several workers do not mix.
  void Record(const std::string& lines) const {
    if (write(records_, lines.data(), lines.size()) !=
        static_cast<ssize_t>(lines.size())) {
      std::abort();
    }
  }

  // False: the settlement was not answered.
  bool Handle(const v1::SubscribeResponse& batch) {
    if (batch.events().empty()) return true;
    for (int i = 0; i < batch.events_size(); ++i) {
      const v1::EnvelopeEvent& event = batch.events(i);
      const auto& attempts = batch.delivery().attempts();
      Record(absl::StrCat("start ", event.sequence(), " ",
                          attempts.empty() ? 1 : attempts[i], " ",
                          event.envelope_id(), "\n"));
      Record(absl::StrCat("done ", event.sequence(), "\n"));
    }
    // One settlement each, so that each has a status.
    v1::AcknowledgeRequest request;
    request.set_subscription(subscription_);
    for (const v1::EnvelopeEvent& event : batch.events()) {
      v1::Settlement& settlement = *request.add_settlements();
      settlement.set_delivery_id(batch.delivery().delivery_id());
      settlement.add_sequences(event.sequence());
      settlement.set_action(v1::ACK_ACTION_DONE);
    }
    grpc::ClientContext context;
    v1::AcknowledgeResponse response;
    const grpc::Status status =
        stub_->Acknowledge(&context, request, &response);
    if (!status.ok()) return false;
    std::string lines;
    for (int i = 0; i < batch.events_size(); ++i) {
      absl::StrAppend(&lines, WordFor(response, i), " ",
                      batch.events(i).sequence(), "\n");
    }
    Record(lines);
    return true;
  }

  static std::string WordFor(const v1::AcknowledgeResponse& response, int i) {
    if (i >= response.statuses_size()) return "problem no status for";
    switch (response.statuses(i)) {
      case v1::SETTLEMENT_STATUS_OK:
        return "answered";
      case v1::SETTLEMENT_STATUS_LATE:
        return "late";
      default:
        return "problem DONE not applied to";
    }
  }

  const std::string subscription_;
  const std::string worker_id_;
  const int records_;
  const std::unique_ptr<v1::EnvelopeEventService::Stub> stub_;
};

}  // namespace
}  // namespace enveloperelay::testing

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const int records =
      open(argv[4], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (records < 0) return 1;
  enveloperelay::testing::Worker(argv[1], argv[2], argv[3], records).Run();
}
