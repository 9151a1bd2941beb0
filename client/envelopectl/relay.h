#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_RELAY_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_RELAY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/envelopectl/command_line.h"
#include "enveloperelay/security.h"
#include "grpcpp/security/credentials.h"

namespace enveloperelay::client {

// Where a command goes, and what it shows there.
struct Relay {
  std::string target;
  // For who reads the files by itself.
  SecurityOptions security;
  // For one call: what stands in the files.
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string token;           // empty: none
  std::string service_config;  // empty: none
};

// Reads the files that `line` names, if its command needs them.
// Errors: kInvalidArgument, for the user.
absl::StatusOr<Relay> OpenRelay(const CommandLine& line);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_RELAY_H_
