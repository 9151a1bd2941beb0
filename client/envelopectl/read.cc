#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/errors.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/error_info.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {
namespace {

using Stub = v1::EnvelopeEventService::Stub;

constexpr std::chrono::seconds kCallTimeout(30);
constexpr uint64_t kPageEvents = 256;

std::unique_ptr<Stub> Connect(const std::string& target) {
  grpc::ChannelArguments args;
  // A page is bounded by the relay; a single event may be larger than 4 MiB.
  args.SetMaxReceiveMessageSize(-1);
  return v1::EnvelopeEventService::NewStub(grpc::CreateCustomChannel(
      target, grpc::InsecureChannelCredentials(), args));
}

// One unary call. The error's message is for the user.
template <typename Request, typename Response>
absl::Status Call(Stub& stub, const std::string& target,
                  grpc::Status (Stub::*method)(grpc::ClientContext*,
                                               const Request&, Response*),
                  const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const absl::Status status =
      FromGrpcStatus((stub.*method)(&context, request, &response));
  if (status.ok()) return status;
  return absl::Status(status.code(), ExplainGrpcError(status, target));
}

absl::Status PrintJson(const google::protobuf::Message& message,
                       Output& output) {
  const absl::StatusOr<std::string> line = JsonLine(message);
  if (!line.ok()) return line.status();
  output.Write(*line);
  return absl::OkStatus();
}

absl::Status PrintPage(const v1::ListEventsResponse& page,
                       const Console& console) {
  for (const v1::EnvelopeEvent& event : page.events()) {
    if (console.format == OutputFormat::kTable) {
      console.output.Write(EventRow(event, console.colors));
      continue;
    }
    absl::Status status = PrintJson(event, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

}  // namespace

absl::Status List(ListCommand command, const std::string& target,
                  const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(target);
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
    absl::Status status = Call(*stub, target, &Stub::ListEvents, request, page);
    if (status.ok()) status = PrintPage(page, console);
    if (!status.ok()) return status;
    left -= std::min(left, static_cast<uint64_t>(page.events_size()));
    if (page.backlog() == 0) break;
    request.set_cursor(page.cursor());
  }
  return absl::OkStatus();
}

absl::Status Get(const GetCommand& command, const std::string& target,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(target);
  v1::GetEventResponse response;
  absl::Status status =
      Call(*stub, target, &Stub::GetEvent, command.request, response);
  if (!status.ok()) return status;
  const v1::EnvelopeEvent& event = response.event();
  if (console.format == OutputFormat::kJson) {
    status = PrintJson(event, console.output);
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

absl::Status Log(const std::string& target, const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(target);
  v1::GetLogResponse log;
  absl::Status status =
      Call(*stub, target, &Stub::GetLog, v1::GetLogRequest(), log);
  if (!status.ok()) return status;
  if (console.format == OutputFormat::kJson) {
    status = PrintJson(log, console.output);
    if (!status.ok()) return status;
  } else {
    console.output.Write(LogDetails(log));
  }
  return console.output.Flush();
}

}  // namespace enveloperelay::client
