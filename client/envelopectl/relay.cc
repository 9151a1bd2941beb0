#include "client/envelopectl/relay.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/envelopectl/command_line.h"
#include "client/security.h"

namespace enveloperelay::client {

absl::StatusOr<Relay> OpenRelay(const CommandLine& line) {
  Relay relay{.target = line.grpc,
              .security = line.security,
              .credentials = nullptr,
              .token = {}};
  if (!NeedsGrpc(line.command)) return relay;
  auto credentials = MakeCredentials(line.security);
  if (!credentials.ok()) return credentials.status();
  relay.credentials = *std::move(credentials);
  absl::StatusOr<std::string> token = ReadToken(line.security.token_file);
  if (!token.ok()) return token.status();
  relay.token = *std::move(token);
  return relay;
}

}  // namespace enveloperelay::client
