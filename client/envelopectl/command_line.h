#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMAND_LINE_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "client/envelopectl/output.h"
#include "client/webhook/http_post.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/security.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"

namespace enveloperelay::client {

struct SendCommand {
  HttpUrl ingress;
  std::string token_file;  // empty: no token
  std::string ca_file;     // for https; empty: the system's CAs
  // Webhooks of each round; empty when `file` is given.
  std::vector<WebhookKind> kinds;
  std::string file;         // a body to send; "-": standard input
  std::string envelope_id;  // empty: a random one per round
  uint64_t count = 1;       // rounds
  double rate = 0;          // webhooks a second; 0: as fast as it goes
};

struct SubscribeCommand {
  v1::SubscribeRequest request;
  std::string cursor_file;  // empty: none
};

struct ListCommand {
  v1::ListEventsRequest request;
  uint64_t limit = 0;  // events; 0: all
};

struct GetCommand {
  v1::GetEventRequest request;
};

struct LogCommand {};

// How consume handles an event.
enum class Handling : uint8_t { kPrint, kExecute, kForward };

struct ConsumeCommand {
  // Subscription, worker, view and bounds.
  v1::SubscribeRequest request;
  Handling handling = Handling::kPrint;
  std::string execute;       // kExecute: a line for /bin/sh
  HttpUrl forward;           // kForward
  uint32_t concurrency = 1;  // events handled at a time
  uint64_t limit = 0;        // events to begin; 0: until interrupted
};

struct ListSubscriptionsCommand {};

// Makes a bearer token for the gRPC port.
struct CreateTokenCommand {
  std::string name;
  absl::Time expires = absl::InfiniteFuture();
};

// What the user asked for. A request is sent as it is, and the answer printed.
using Command =
    std::variant<SendCommand, SubscribeCommand, ListCommand, GetCommand,
                 LogCommand, ConsumeCommand, CreateTokenCommand,
                 ListSubscriptionsCommand, v1::CreateSubscriptionRequest,
                 v1::GetSubscriptionRequest, v1::UpdateSubscriptionRequest,
                 v1::DeleteSubscriptionRequest, v1::SeekSubscriptionRequest,
                 v1::ListDeadLettersRequest, v1::ReplayDeadLettersRequest,
                 v1::DeleteDeadLettersRequest, v1::ListQuarantinedRequest,
                 v1::GetQuarantinedRequest, v1::RetryQuarantinedRequest,
                 v1::DeleteQuarantinedRequest>;

// The command and where it goes.
struct CommandLine {
  std::string grpc;                    // gRPC target
  SecurityOptions security;            // of gRPC
  std::string service_config_file;     // of gRPC; empty: none
  std::optional<OutputFormat> output;  // nothing: what suits standard output
  Command command;
};

// Whether it talks to the relay over gRPC.
bool NeedsGrpc(const Command& command);

// What to print instead of running: help or the version on standard output
// (code 0), a usage error on standard error (code 2).
struct Exit {
  int code;
  std::string text;
};

// Reads the arguments (without the program's name), and options that are not
// among them from the environment.
std::variant<CommandLine, Exit> ParseCommandLine(
    std::vector<std::string> arguments);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMAND_LINE_H_
