#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_

#include "absl/status/status.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/format.h"
#include "client/envelopectl/relay.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"

namespace enveloperelay::client {

// Each runs one command to its end; `relay` is where it goes. An
// error's message is for the user: what failed, where, and what to do.

absl::Status Run(const SendCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const SubscribeCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(ListCommand command, const Relay& relay,
                 const Console& console);
absl::Status Run(const GetCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const LogCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const ConsumeCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const CreateTokenCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const ListSubscriptionsCommand& command, const Relay& relay,
                 const Console& console);
absl::Status Run(const v1::CreateSubscriptionRequest& request,
                 const Relay& relay, const Console& console);
absl::Status Run(const v1::GetSubscriptionRequest& request, const Relay& relay,
                 const Console& console);
absl::Status Run(const v1::UpdateSubscriptionRequest& request,
                 const Relay& relay, const Console& console);
absl::Status Run(const v1::DeleteSubscriptionRequest& request,
                 const Relay& relay, const Console& console);
absl::Status Run(const v1::SeekSubscriptionRequest& request, const Relay& relay,
                 const Console& console);
absl::Status Run(v1::ListDeadLettersRequest request, const Relay& relay,
                 const Console& console);
absl::Status Run(const v1::ReplayDeadLettersRequest& request,
                 const Relay& relay, const Console& console);
absl::Status Run(const v1::DeleteDeadLettersRequest& request,
                 const Relay& relay, const Console& console);
absl::Status Run(v1::ListQuarantinedRequest request, const Relay& relay,
                 const Console& console);
absl::Status Run(const v1::GetQuarantinedRequest& request, const Relay& relay,
                 const Console& console);
absl::Status Run(v1::RetryQuarantinedRequest request, const Relay& relay,
                 const Console& console);
absl::Status Run(const v1::DeleteQuarantinedRequest& request,
                 const Relay& relay, const Console& console);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
