#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/format.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"

namespace enveloperelay::client {

// Each runs one command to its end; `target` is the relay's gRPC address. An
// error's message is for the user: what failed, where, and what to do.

absl::Status Run(const SendCommand& command, const std::string& target,
                 const Console& console);
absl::Status Run(const SubscribeCommand& command, const std::string& target,
                 const Console& console);
absl::Status Run(ListCommand command, const std::string& target,
                 const Console& console);
absl::Status Run(const GetCommand& command, const std::string& target,
                 const Console& console);
absl::Status Run(const LogCommand& command, const std::string& target,
                 const Console& console);
absl::Status Run(const ConsumeCommand& command, const std::string& target,
                 const Console& console);
absl::Status Run(const ListSubscriptionsCommand& command,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::CreateSubscriptionRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::GetSubscriptionRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::UpdateSubscriptionRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::DeleteSubscriptionRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::SeekSubscriptionRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(v1::ListDeadLettersRequest request, const std::string& target,
                 const Console& console);
absl::Status Run(const v1::ReplayDeadLettersRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(const v1::DeleteDeadLettersRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(v1::ListQuarantinedRequest request, const std::string& target,
                 const Console& console);
absl::Status Run(const v1::GetQuarantinedRequest& request,
                 const std::string& target, const Console& console);
absl::Status Run(v1::RetryQuarantinedRequest request, const std::string& target,
                 const Console& console);
absl::Status Run(const v1::DeleteQuarantinedRequest& request,
                 const std::string& target, const Console& console);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
