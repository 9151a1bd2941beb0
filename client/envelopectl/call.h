#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_CALL_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_CALL_H_

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "client/envelopectl/errors.h"
#include "client/envelopectl/relay.h"
#include "client/security.h"
#include "client/service_config.h"
#include "enveloperelay/error_info.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/status.h"

namespace enveloperelay::client {

inline constexpr std::chrono::seconds kCallTimeout(30);

// A stub of `Service` of the relay.
template <typename Service>
std::unique_ptr<typename Service::Stub> Connect(const Relay& relay) {
  grpc::ChannelArguments args;
  // A page is bounded by the relay; a single event may be larger than 4 MiB.
  args.SetMaxReceiveMessageSize(-1);
  SetServiceConfig(relay.service_config, args);
  return Service::NewStub(
      grpc::CreateCustomChannel(relay.target, relay.credentials, args));
}

// One unary call. The error's message is for the user.
template <typename Stub, typename Request, typename Response>
absl::Status Call(Stub& stub, const Relay& relay,
                  grpc::Status (Stub::*method)(grpc::ClientContext*,
                                               const Request&, Response*),
                  const Request& request, Response& response) {
  grpc::ClientContext context;
  AddToken(relay.token, context);
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const absl::Status status =
      FromGrpcStatus((stub.*method)(&context, request, &response));
  if (status.ok()) return status;
  return absl::Status(status.code(), ExplainGrpcError(status, relay.target));
}

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_CALL_H_
