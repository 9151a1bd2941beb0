#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/call.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/subscription_format.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "google/protobuf/message.h"

namespace enveloperelay::client {
namespace {

using Stub = v1::SubscriptionService::Stub;

std::unique_ptr<Stub> Connect(const Relay& relay) {
  return client::Connect<v1::SubscriptionService>(relay);
}

absl::Status PrintPage(const v1::ListDeadLettersResponse& page,
                       const Console& console) {
  for (const v1::DeadLetter& dead_letter : page.dead_letters()) {
    if (console.format == OutputFormat::kTable) {
      console.output.Write(DeadLetterRow(dead_letter));
      continue;
    }
    absl::Status status = WriteJson(dead_letter, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

// Says that `count` dead letters were `done`, or on a dry run would be.
absl::Status PrintCount(const google::protobuf::Message& response,
                        std::string_view done, uint32_t count, bool dry_run,
                        const Console& console) {
  if (console.format == OutputFormat::kTable) {
    console.output.Write(absl::StrFormat("%u dead letter%s %s%s\n", count,
                                         count == 1 ? "" : "s",
                                         dry_run ? "would be " : "", done));
  } else {
    absl::Status status = WriteJson(response, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

}  // namespace

absl::Status Run(v1::ListDeadLettersRequest request, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(relay);
  if (console.format == OutputFormat::kTable) {
    request.set_view(v1::EVENT_VIEW_BASIC);  // a table shows no payload
    console.output.Write(DeadLetterHeader(console.colors));
  }
  do {
    v1::ListDeadLettersResponse page;
    absl::Status status =
        Call(*stub, relay, &Stub::ListDeadLetters, request, page);
    if (status.ok()) status = PrintPage(page, console);
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Run(const v1::ReplayDeadLettersRequest& request,
                 const Relay& relay, const Console& console) {
  v1::ReplayDeadLettersResponse response;
  absl::Status status =
      Call(*Connect(relay), relay, &Stub::ReplayDeadLetters, request, response);
  if (!status.ok()) return status;
  return PrintCount(response, "replayed", response.replayed(),
                    request.dry_run(), console);
}

absl::Status Run(const v1::DeleteDeadLettersRequest& request,
                 const Relay& relay, const Console& console) {
  v1::DeleteDeadLettersResponse response;
  absl::Status status =
      Call(*Connect(relay), relay, &Stub::DeleteDeadLetters, request, response);
  if (!status.ok()) return status;
  return PrintCount(response, "deleted", response.deleted(), request.dry_run(),
                    console);
}

}  // namespace enveloperelay::client
