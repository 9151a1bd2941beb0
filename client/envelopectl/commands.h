#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/output.h"

namespace enveloperelay::client {

// Where and how results are printed.
struct Console {
  Output& output;
  OutputFormat format;
  bool colors;
};

// Each runs one command to its end. An error's message is for the user: what
// failed, where, and what to do.

absl::Status Send(const SendCommand& command, const Console& console);

// `target` is the relay's gRPC address.
absl::Status Subscribe(const SubscribeCommand& command,
                       const std::string& target, const Console& console);
absl::Status List(ListCommand command, const std::string& target,
                  const Console& console);
absl::Status Get(const GetCommand& command, const std::string& target,
                 const Console& console);
absl::Status Log(const std::string& target, const Console& console);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMANDS_H_
