#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/call.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/errors.h"
#include "client/envelopectl/execute.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/forward.h"
#include "client/envelopectl/interruption.h"
#include "client/envelopectl/notes.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/text.h"
#include "client/mutex.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/worker.h"
#include "grpcpp/client_context.h"

namespace enveloperelay::client {
namespace {

// For commands under way at the end; a second signal does not wait for them.
constexpr absl::Duration kStopTimeout = absl::Hours(1);

// Whether there is a relay at all. A worker would try again for good, but
// one that was never there is most likely a wrong address.
// `context` is that of the only call.
absl::Status FindRelay(const Relay& relay, grpc::ClientContext& context) {
  const auto stub = Connect<v1::EnvelopeEventService>(relay);
  AddToken(relay.token, context);
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  v1::GetLogResponse log;
  const absl::Status status =
      FromGrpcStatus(stub->GetLog(&context, v1::GetLogRequest(), &log));
  const bool absent =
      absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  if (!absent || GetErrorInfo(status).has_value()) return absl::OkStatus();
  return absl::Status(status.code(), ExplainGrpcError(status, relay.target));
}

void NoteLate(const v1::Settlement& settlement, v1::SettlementStatus status) {
  std::string which = "a delivery";
  if (!settlement.sequences().empty()) {
    which = absl::StrFormat("event %u", settlement.sequences(0));
    if (settlement.sequences_size() > 1) {
      which +=
          absl::StrFormat(" and %d others", settlement.sequences_size() - 1);
    }
  }
  Note(absl::StrFormat("the result of %s came %s", which,
                       status == v1::SETTLEMENT_STATUS_LATE
                           ? "late; another worker may have got it, too"
                           : "too late; it will be delivered again"));
}

WorkerOptions MakeOptions(const ConsumeCommand& command, const Relay& relay,
                          const Console& console) {
  WorkerOptions options{.target = relay.target,
                        .security = relay.security,
                        .service_config = relay.service_config,
                        .subscription = command.request.subscription()};
  options.worker_id = command.request.worker_id();
  options.concurrency = static_cast<int>(command.concurrency);
  if (command.request.max_outstanding_events() > 0) {
    options.max_outstanding_events = command.request.max_outstanding_events();
  }
  options.view = command.request.view();
  if (command.handling == Handling::kPrint &&
      console.format == OutputFormat::kTable) {
    options.view = v1::EVENT_VIEW_BASIC;  // shows no payload
  }
  options.stop_timeout = kStopTimeout;
  options.on_retry = [target = relay.target](const absl::Status& status,
                                             absl::Duration delay) {
    NoteRetry(status, delay, target);
  };
  options.on_gap = NoteGap;
  options.on_late = NoteLate;
  return options;
}

// Handles the events of a subscription as the user wants it, and prints those
// that are done.
class Consumer {
 public:
  // All must outlive this.
  Consumer(const ConsumeCommand& command, const Relay& relay,
           const Console& console)
      : command_(command),
        console_(console),
        forwarder_(command.forward),
        worker_(MakeOptions(command, relay, console)) {}

  // As Worker::Run(). Errors besides: those of printing.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Status ended = worker_.Run(
        [this](const v1::EnvelopeEvent& event) { return Handle(event); });
    const MutexLock lock(mutex_);
    return printed_.ok() ? ended : printed_;
  }

  // Thread-safe.
  void Stop() { worker_.Stop(); }

 private:
  // Called by several threads at a time.
  Handled Handle(const v1::EnvelopeEvent& event) {
    // What has begun is brought to its end after Stop(), nothing else begins.
    if (++begun_ == command_.limit) Stop();
    const Handled handled = Work(event);
    if (handled.action() != v1::ACK_ACTION_DONE) {
      NoteFailure(event, handled);
      return handled;
    }
    const absl::Status printed = Print(event);
    if (printed.ok()) return handled;
    Stop();
    if (command_.handling != Handling::kPrint) return handled;
    // Printing was all there was to do, and it was not done.
    return Handled::Retry(
        {.delay = {}, .reason = std::string(printed.message())});
  }

  Handled Work(const v1::EnvelopeEvent& event) {
    switch (command_.handling) {
      case Handling::kPrint:
        break;
      case Handling::kForward:
        return forwarder_.Forward(event);
      case Handling::kExecute: {
        const absl::StatusOr<std::string> line = JsonLine(event);
        if (line.ok()) return Execute(command_.execute, *line);
        return Handled::DeadLetter(std::string(line.status().message()));
      }
    }
    return Handled::Done();
  }

  static void NoteFailure(const v1::EnvelopeEvent& event,
                          const Handled& handled) {
    std::string what = "is now a dead letter";
    if (handled.action() == v1::ACK_ACTION_RETRY) {
      what = "will be tried again";
      if (handled.delay().has_value()) {
        what += " after " + absl::FormatDuration(*handled.delay());
      }
    }
    Note(absl::StrFormat("event %u %s: %s", event.sequence(), what,
                         Escape(handled.reason())));
  }

  absl::Status Print(const v1::EnvelopeEvent& event)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (printed_.ok()) printed_ = WriteEvent(event, console_);
    if (printed_.ok()) printed_ = console_.output.Flush();
    return printed_;
  }

  const ConsumeCommand& command_;
  const Console& console_;
  Forwarder forwarder_;
  std::atomic<uint64_t> begun_ = 0;
  Mutex mutex_;  // guards console_'s output, too
  absl::Status printed_ ABSL_GUARDED_BY(mutex_);  // the first error
  Worker worker_;  // last: its handlers use all above until it is gone
};

}  // namespace

absl::Status Run(const ConsumeCommand& command, const Relay& relay,
                 const Console& console) {
  Consumer consumer(command, relay, console);
  grpc::ClientContext finding;
  const Interruption interruption(console.output.fd(), [&consumer, &finding] {
    finding.TryCancel();
    consumer.Stop();
  });
  absl::Status status = FindRelay(relay, finding);
  if (!status.ok()) return status;
  if (isatty(STDERR_FILENO) == 1) {
    Note(absl::StrFormat("consuming %s at %s; Ctrl-C ends",
                         Escape(command.request.subscription()), relay.target));
  }
  if (console.format == OutputFormat::kTable) {
    console.output.Write(EventHeader(console.colors));
    status = console.output.Flush();
    if (!status.ok()) return status;
  }
  status = consumer.Run();
  if (status.ok()) return status;
  return absl::Status(status.code(), ExplainGrpcError(status, relay.target));
}

}  // namespace enveloperelay::client
