#include "client/envelopectl/command_line.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/options.h"
#include "client/envelopectl/output.h"
#include "client/security.h"
#include "client/webhook/poster.h"
#include "enveloperelay/security.h"

namespace enveloperelay::client {
namespace {

constexpr int kUsageError = 2;

constexpr char kAppFooter[] =
    R"(Each command takes the common options too. Run 'envelopectl COMMAND --help' for
its own options and examples.

Exit status: 0 success, 1 failure, 2 wrong usage.)";

// What the common options were given, as text.
struct Given {
  std::string grpc = "127.0.0.1:9090";
  std::string ingress = "127.0.0.1:8080";
  std::string output;
  bool tls = false;
  TlsOptions files;
  std::string token_file;
  bool token_in_clear = false;
  std::string service_config_file;
};

std::string CheckIngress(const std::string& text) {
  return std::string(ParseIngressUrl(text).status().message());
}

void AddCommon(CLI::App& app, Given& given) {
  app.add_option("--grpc", given.grpc)
      ->envname("ENVELOPE_RELAY_GRPC")
      ->option_text("HOST:PORT")
      ->description(
          "The relay's gRPC address (127.0.0.1:9090); or ENVELOPE_RELAY_GRPC")
      ->check([](const std::string& text) {
        return std::string(text.empty() ? "must not be empty" : "");
      });
  app.add_option("--ingress", given.ingress)
      ->envname("ENVELOPE_RELAY_INGRESS")
      ->option_text("URL|HOST:PORT")
      ->description(
          "The relay's HTTP address, for send (127.0.0.1:8080); or "
          "ENVELOPE_RELAY_INGRESS")
      ->check(CheckIngress);
  app.add_option("--output,-o", given.output)
      ->option_text("json|table")
      ->description(
          "json: one object a line; table: for people, the default on a "
          "terminal")
      ->check(CLI::IsMember({"json", "table"}));
}

// How to reach the relay's gRPC port, and one that is secured.
void AddConnection(CLI::App& app, Given& given) {
  app.add_flag("--tls", given.tls)
      ->envname("ENVELOPECTL_TLS")
      ->description(
          "gRPC over TLS; --ca-file, --cert-file and --key-file imply it");
  const auto file = [&app](const char* flag, const char* variable,
                           std::string& path, const char* what) {
    return app.add_option(flag, path)
        ->envname(variable)
        ->option_text("PATH")
        ->description(absl::StrFormat("%s; or %s", what, variable));
  };
  file("--ca-file", "ENVELOPECTL_CA_FILE", given.files.ca_file,
       "Certificates, in PEM, of those who certify the relay (the system's)");
  file("--cert-file", "ENVELOPECTL_CERT_FILE", given.files.cert_file,
       "Certificate to show to the relay, in PEM");
  file("--key-file", "ENVELOPECTL_KEY_FILE", given.files.key_file,
       "Private key of that certificate, in PEM");
  file("--token-file", "ENVELOPECTL_TOKEN_FILE", given.token_file,
       "File with a bearer token for gRPC (none is shown)");
  app.add_flag("--token-in-clear", given.token_in_clear)
      ->description("Send it without TLS to other addresses than loopback");
  file("--service-config-file", "ENVELOPECTL_SERVICE_CONFIG_FILE",
       given.service_config_file,
       "gRPC service config in JSON: load balancing, health checks, retries");
}

// Errors: kInvalidArgument.
absl::StatusOr<SecurityOptions> SecurityOf(const Given& given) {
  SecurityOptions security{.token_file = given.token_file,
                           .token_in_clear = given.token_in_clear};
  const TlsOptions& files = given.files;
  if (given.tls || !files.ca_file.empty() || !files.cert_file.empty() ||
      !files.key_file.empty()) {
    security.tls = files;
  }
  if (files.cert_file.empty() != files.key_file.empty()) {
    return absl::InvalidArgumentError("--cert-file and --key-file go together");
  }
  if (!CheckSecurity(security, given.grpc, /*credentials=*/false).ok()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--token-file: the token would go to %s without TLS; allowed is with "
        "--tls, or with --token-in-clear if that is safe",
        given.grpc));
  }
  return security;
}

// What to say when the arguments are wrong.
Exit UsageError(const CLI::App& app, const CLI::ParseError& error) {
  std::string chosen;  // "subscriptions create "
  const CLI::App* innermost = &app;
  while (!innermost->get_subcommands().empty()) {
    innermost = innermost->get_subcommands()[0];
    chosen += innermost->get_name() + ' ';
  }
  std::string what = error.what();
  const bool has_commands =
      !innermost->get_subcommands([](const CLI::App*) { return true; }).empty();
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (has_commands && !unknown.empty() && !unknown[0].starts_with('-')) {
    what = absl::StrFormat("there is no command '%s%s'", chosen, unknown[0]);
  }
  return Exit{
      .code = kUsageError,
      .text = absl::StrFormat(
          "envelopectl: %s\nRun 'envelopectl %s--help' for what is allowed.\n",
          what, chosen)};
}

}  // namespace

bool NeedsGrpc(const Command& command) {
  return !std::holds_alternative<SendCommand>(command) &&
         !std::holds_alternative<CreateTokenCommand>(command);
}

std::variant<CommandLine, Exit> ParseCommandLine(
    std::vector<std::string> arguments) {
  Given given;
  CommandLine line;
  CLI::App app(
      "Sends webhooks to an Envelope Relay, reads its events and manages its "
      "subscriptions.",
      "envelopectl");
  app.set_version_flag("--version", ENVELOPECTL_VERSION, "Print the version");
  app.footer(kAppFooter);
  app.require_subcommand(1);
  app.fallthrough();
  AddCommon(app, given);
  AddConnection(app, given);
  AddSend(app, given.ingress, line.command);
  AddReaders(app, line.command);
  AddSubscriptions(app, line.command);
  AddConsume(app, line.command);
  AddDeadLetters(app, line.command);
  AddToken(app, line.command);
  AddQuarantine(app, line.command);
  std::ranges::reverse(arguments);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForVersion&) {
    return Exit{
        .code = 0,
        .text = absl::StrFormat("envelopectl %s\n", ENVELOPECTL_VERSION)};
  } catch (const CLI::Success&) {
    return Exit{.code = 0, .text = app.help()};
  } catch (const CLI::ParseError& error) {
    return UsageError(app, error);
  }
  if (NeedsGrpc(line.command)) {
    absl::StatusOr<SecurityOptions> security = SecurityOf(given);
    if (!security.ok()) {
      return UsageError(
          app, CLI::ValidationError(std::string(security.status().message())));
    }
    line.security = *std::move(security);
    line.service_config_file = given.service_config_file;
  }
  line.grpc = given.grpc;
  if (!given.output.empty()) {
    line.output =
        given.output == "json" ? OutputFormat::kJson : OutputFormat::kTable;
  }
  return line;
}

}  // namespace enveloperelay::client
