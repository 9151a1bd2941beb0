#include "client/service_config.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/validate_service_config.h"

namespace enveloperelay::client {

absl::Status CheckServiceConfig(const std::string& service_config) {
  if (service_config.empty()) return absl::OkStatus();
  const std::string problem =
      grpc::experimental::ValidateServiceConfigJSON(service_config);
  if (problem.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("gRPC does not take the service config: ", problem));
}

void SetServiceConfig(const std::string& service_config,
                      grpc::ChannelArguments& args) {
  if (service_config.empty()) return;
  args.SetServiceConfigJSON(service_config);
}

}  // namespace enveloperelay::client
