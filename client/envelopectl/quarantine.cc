#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/call.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/quarantine_format.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/quarantine.grpc.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"

namespace enveloperelay::client {
namespace {

using Stub = v1::QuarantineService::Stub;

std::unique_ptr<Stub> Connect(const Relay& relay) {
  return client::Connect<v1::QuarantineService>(relay);
}

absl::Status PrintPage(const v1::ListQuarantinedResponse& page,
                       const Console& console) {
  for (const v1::QuarantinedWebhook& webhook : page.webhooks()) {
    if (console.format == OutputFormat::kTable) {
      console.output.Write(QuarantinedRow(webhook));
      continue;
    }
    absl::Status status = WriteJson(webhook, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

absl::Status PrintPage(const v1::RetryQuarantinedResponse& page,
                       const Console& console) {
  for (const v1::RetryResult& result : page.results()) {
    if (console.format == OutputFormat::kTable) {
      console.output.Write(RetryRow(result, console.colors));
      continue;
    }
    absl::Status status = WriteJson(result, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

// How many of a page are no events, or not there.
size_t Failures(const v1::RetryQuarantinedResponse& page) {
  size_t failures = 0;
  for (const v1::RetryResult& result : page.results()) {
    if (result.outcome() != v1::RETRY_OUTCOME_STORED &&
        result.outcome() != v1::RETRY_OUTCOME_DUPLICATE) {
      ++failures;
    }
  }
  return failures;
}

}  // namespace

absl::Status Run(v1::ListQuarantinedRequest request, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(relay);
  if (console.format == OutputFormat::kTable) {
    console.output.Write(QuarantinedHeader(console.colors));
  }
  do {
    v1::ListQuarantinedResponse page;
    absl::Status status =
        Call(*stub, relay, &Stub::ListQuarantined, request, page);
    if (status.ok()) status = PrintPage(page, console);
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Run(const v1::GetQuarantinedRequest& request, const Relay& relay,
                 const Console& console) {
  v1::GetQuarantinedResponse response;
  absl::Status status =
      Call(*Connect(relay), relay, &Stub::GetQuarantined, request, response);
  if (!status.ok()) return status;
  const v1::QuarantinedWebhook& webhook = response.webhook();
  if (console.format == OutputFormat::kJson) {
    status = WriteJson(webhook, console.output);
    if (!status.ok()) return status;
  } else {
    // A terminal must not obey what a stranger sent.
    const std::string body = console.output.IsTerminal()
                                 ? EscapeLines(webhook.body())
                                 : webhook.body();
    console.output.Write(QuarantinedDetails(webhook) + '\n' + body);
    if (!body.ends_with('\n')) console.output.Write("\n");
  }
  return console.output.Flush();
}

absl::Status Run(v1::RetryQuarantinedRequest request, const Relay& relay,
                 const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(relay);
  if (console.format == OutputFormat::kTable) {
    console.output.Write(RetryHeader(console.colors));
  }
  size_t failures = 0;
  do {
    v1::RetryQuarantinedResponse page;
    absl::Status status =
        Call(*stub, relay, &Stub::RetryQuarantined, request, page);
    if (status.ok()) status = PrintPage(page, console);
    if (!status.ok()) return status;
    failures += Failures(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  // Of all, some may well be no events; of those that were named, none.
  if (request.all() || failures == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%u of %d could not be stored as events", failures, request.ids_size()));
}

absl::Status Run(const v1::DeleteQuarantinedRequest& request,
                 const Relay& relay, const Console& console) {
  v1::DeleteQuarantinedResponse response;
  absl::Status status =
      Call(*Connect(relay), relay, &Stub::DeleteQuarantined, request, response);
  if (!status.ok()) return status;
  if (console.format == OutputFormat::kTable) {
    console.output.Write(absl::StrFormat("%u webhook%s %sdeleted\n",
                                         response.deleted(),
                                         response.deleted() == 1 ? "" : "s",
                                         request.dry_run() ? "would be " : ""));
  } else {
    status = WriteJson(response, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

}  // namespace enveloperelay::client
