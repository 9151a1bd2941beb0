#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "client/envelopectl/call.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/subscription_format.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/subscriptions.grpc.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {
namespace {

using Stub = v1::SubscriptionService::Stub;

std::unique_ptr<Stub> Connect(const Relay& relay) {
  return client::Connect<v1::SubscriptionService>(relay);
}

absl::Status Print(const v1::Subscription& subscription,
                   const Console& console) {
  if (console.format == OutputFormat::kTable) {
    console.output.Write(SubscriptionDetails(subscription, absl::Now()));
  } else {
    absl::Status status = WriteJson(subscription, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

// A call that is answered with the subscription as it is now.
template <typename Request, typename Response>
absl::Status CallAndPrint(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                       const Request&,
                                                       Response*),
                          const Request& request, const Relay& relay,
                          const Console& console) {
  Response response;
  absl::Status status = Call(*Connect(relay), relay, method, request, response);
  if (!status.ok()) return status;
  return Print(response.subscription(), console);
}

}  // namespace

absl::Status Run(const v1::CreateSubscriptionRequest& request,
                 const Relay& relay, const Console& console) {
  return CallAndPrint(&Stub::CreateSubscription, request, relay, console);
}

absl::Status Run(const v1::GetSubscriptionRequest& request, const Relay& relay,
                 const Console& console) {
  return CallAndPrint(&Stub::GetSubscription, request, relay, console);
}

absl::Status Run(const v1::UpdateSubscriptionRequest& request,
                 const Relay& relay, const Console& console) {
  return CallAndPrint(&Stub::UpdateSubscription, request, relay, console);
}

absl::Status Run(const v1::SeekSubscriptionRequest& request, const Relay& relay,
                 const Console& console) {
  return CallAndPrint(&Stub::SeekSubscription, request, relay, console);
}

absl::Status Run(const v1::DeleteSubscriptionRequest& request,
                 const Relay& relay, const Console& console) {
  v1::DeleteSubscriptionResponse response;
  absl::Status status = Call(*Connect(relay), relay, &Stub::DeleteSubscription,
                             request, response);
  if (!status.ok()) return status;
  if (console.format == OutputFormat::kTable) {
    console.output.Write("deleted " + Escape(request.name()) + '\n');
  } else {
    status = WriteJson(response, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

absl::Status Run(const ListSubscriptionsCommand& /*command*/,
                 const Relay& relay, const Console& console) {
  const std::unique_ptr<Stub> stub = Connect(relay);
  std::vector<v1::Subscription> subscriptions;
  v1::ListSubscriptionsRequest request;
  do {
    v1::ListSubscriptionsResponse page;
    absl::Status status =
        Call(*stub, relay, &Stub::ListSubscriptions, request, page);
    if (!status.ok()) return status;
    subscriptions.insert(subscriptions.end(), page.subscriptions().begin(),
                         page.subscriptions().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (console.format == OutputFormat::kTable) {
    console.output.Write(
        SubscriptionTable(subscriptions, absl::Now(), console.colors));
    return console.output.Flush();
  }
  for (const v1::Subscription& subscription : subscriptions) {
    absl::Status status = WriteJson(subscription, console.output);
    if (!status.ok()) return status;
  }
  return console.output.Flush();
}

}  // namespace enveloperelay::client
