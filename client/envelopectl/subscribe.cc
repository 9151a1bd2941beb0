#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/errors.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/interruption.h"
#include "client/envelopectl/notes.h"
#include "client/envelopectl/output.h"
#include "enveloperelay/cursor_store.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/subscriber.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

absl::Status PrintEvents(const v1::SubscribeResponse& response,
                         const Console& console) {
  for (const v1::EnvelopeEvent& event : response.events()) {
    absl::Status status = WriteEvent(event, console);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

// What happens to the stream, told on standard error.
class Narrator {
 public:
  explicit Narrator(std::string target) : target_(std::move(target)) {}

  const std::string& target() const { return target_; }
  bool connected() const { return connected_; }

  void Connected() {
    if (connected_) {
      if (reconnecting_) Note("connected again");
    } else if (isatty(STDERR_FILENO) == 1) {
      Note(absl::StrFormat("subscribed at %s; Ctrl-C ends", target_));
    }
    connected_ = true;
    reconnecting_ = false;
  }

  void Retry(const absl::Status& status, absl::Duration delay) {
    NoteRetry(status, delay, target_);
    reconnecting_ = true;
  }

 private:
  const std::string target_;
  bool connected_ = false;
  bool reconnecting_ = false;
};

// Prints what comes until the subscriber has ended; says why it has.
absl::Status PrintUntilEnd(Subscriber& subscriber, Narrator& narrator,
                           const Console& console) {
  while (true) {
    const absl::StatusOr<const v1::SubscribeResponse*> response =
        subscriber.Next();
    if (!response.ok()) {
      return absl::Status(
          response.status().code(),
          ExplainGrpcError(response.status(), narrator.target()));
    }
    if (*response == nullptr) return absl::OkStatus();
    if ((*response)->has_info()) narrator.Connected();
    if ((*response)->has_gap()) NoteGap((*response)->gap());
    const absl::Status printed = PrintEvents(**response, console);
    if (!printed.ok()) return printed;
  }
}

}  // namespace

absl::Status Run(const SubscribeCommand& command, const Relay& relay,
                 const Console& console) {
  FileCursorStore store(command.cursor_file);
  Narrator narrator(relay.target);
  absl::Status unreachable;
  Subscriber* retrying = nullptr;
  SubscriberOptions options;
  options.target = relay.target;
  options.security = relay.security;
  options.service_config = relay.service_config;
  options.request = command.request;
  if (console.format == OutputFormat::kTable) {
    options.request.set_view(v1::EVENT_VIEW_BASIC);  // shows no payload
  }
  if (!command.cursor_file.empty()) options.cursor_store = &store;
  options.on_retry = [&](const absl::Status& status, absl::Duration delay) {
    // A relay that was never there is most likely a wrong address.
    if (!narrator.connected() && !GetErrorInfo(status).has_value()) {
      unreachable = status;
      retrying->Stop();
      return;
    }
    narrator.Retry(status, delay);
  };
  Subscriber subscriber(std::move(options));
  retrying = &subscriber;
  const Interruption interruption(console.output.fd(),
                                  [&subscriber] { subscriber.Stop(); });

  if (console.format == OutputFormat::kTable) {
    console.output.Write(EventHeader(console.colors));
  }
  const absl::Status ended = PrintUntilEnd(subscriber, narrator, console);
  if (unreachable.ok()) return ended;
  return absl::Status(unreachable.code(),
                      ExplainGrpcError(unreachable, relay.target));
}

}  // namespace enveloperelay::client
