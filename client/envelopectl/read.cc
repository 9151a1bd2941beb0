#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client/envelopectl/call.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

using Stub = v1::EnvelopeEventService::Stub;

constexpr uint64_t kPageEvents = 256;

absl::Status PrintPage(const v1::ListEventsResponse& page,
                       const Console& console) {
  for (const v1::EnvelopeEvent& event : page.events()) {
    absl::Status status = WriteEvent(event, console);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

}  // namespace

absl::Status Run(ListCommand command, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect<v1::EnvelopeEventService>(relay);
  v1::ListEventsRequest& request = command.request;
  if (console.format == OutputFormat::kTable) {
    request.set_view(v1::EVENT_VIEW_BASIC);  // a table shows no payload
    console.output.Write(EventHeader(console.colors));
  }
  uint64_t left = command.limit == 0 ? UINT64_MAX : command.limit;
  while (left > 0) {
    request.set_page_size(
        static_cast<int32_t>(std::min<uint64_t>(left, kPageEvents)));
    v1::ListEventsResponse page;
    absl::Status status = Call(*stub, relay, &Stub::ListEvents, request, page);
    if (status.ok()) status = PrintPage(page, console);
    if (!status.ok()) return status;
    left -= std::min(left, static_cast<uint64_t>(page.events_size()));
    if (page.backlog() == 0) break;
    request.set_cursor(page.cursor());
  }
  return absl::OkStatus();
}

absl::Status Run(const GetCommand& command, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect<v1::EnvelopeEventService>(relay);
  v1::GetEventResponse response;
  absl::Status status =
      Call(*stub, relay, &Stub::GetEvent, command.request, response);
  if (!status.ok()) return status;
  const v1::EnvelopeEvent& event = response.event();
  if (console.format == OutputFormat::kJson) {
    status = WriteJson(event, console.output);
    if (!status.ok()) return status;
  } else {
    // A terminal must not obey what a stranger sent.
    const std::string payload = console.output.IsTerminal()
                                    ? EscapeLines(event.payload())
                                    : event.payload();
    console.output.Write(EventDetails(event) + '\n' + payload);
    if (!payload.ends_with('\n')) console.output.Write("\n");
  }
  return console.output.Flush();
}

absl::Status Run(const LogCommand& /*command*/, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect<v1::EnvelopeEventService>(relay);
  v1::GetLogResponse log;
  absl::Status status =
      Call(*stub, relay, &Stub::GetLog, v1::GetLogRequest(), log);
  if (!status.ok()) return status;
  if (console.format == OutputFormat::kJson) {
    status = WriteJson(log, console.output);
    if (!status.ok()) return status;
  } else {
    console.output.Write(LogDetails(log));
  }
  return console.output.Flush();
}

}  // namespace enveloperelay::client
