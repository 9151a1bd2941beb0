#include "client/envelopectl/relay.h"

#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/security.h"
#include "client/service_config.h"

namespace enveloperelay::client {
namespace {

// Errors: kInvalidArgument.
absl::StatusOr<std::string> ReadServiceConfig(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file || text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("cannot read %s, or there is nothing in it", path));
  }
  const absl::Status status = CheckServiceConfig(text);
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %s", path, std::string(status.message())));
  }
  return text;
}

}  // namespace

absl::StatusOr<Relay> OpenRelay(const CommandLine& line) {
  Relay relay{.target = line.grpc,
              .security = line.security,
              .credentials = nullptr,
              .token = {},
              .service_config = {}};
  if (!NeedsGrpc(line.command)) return relay;
  auto credentials = MakeCredentials(line.security);
  if (!credentials.ok()) return credentials.status();
  relay.credentials = *std::move(credentials);
  absl::StatusOr<std::string> token = ReadToken(line.security.token_file);
  if (!token.ok()) return token.status();
  relay.token = *std::move(token);
  absl::StatusOr<std::string> config =
      ReadServiceConfig(line.service_config_file);
  if (!config.ok()) return config.status();
  relay.service_config = *std::move(config);
  return relay;
}

}  // namespace enveloperelay::client
