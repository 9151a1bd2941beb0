#ifndef ENVELOPE_RELAY_CLIENT_SERVICE_CONFIG_H_
#define ENVELOPE_RELAY_CLIENT_SERVICE_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/channel_arguments.h"

namespace enveloperelay::client {

// Returns what gRPC finds wrong with `service_config`, a JSON document, which
// may be empty. Errors: kInvalidArgument.
absl::Status CheckServiceConfig(const std::string& service_config);

// Makes it that of the channels of `args`, unless it is empty. One that gRPC
// finds wrong would be passed over in silence.
void SetServiceConfig(const std::string& service_config,
                      grpc::ChannelArguments& args);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_SERVICE_CONFIG_H_
