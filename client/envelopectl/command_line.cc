#include "client/envelopectl/command_line.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "client/envelopectl/options.h"
#include "client/envelopectl/output.h"
#include "client/webhook/poster.h"

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
  AddSend(app, given.ingress, line.command);
  AddReaders(app, line.command);
  AddSubscriptions(app, line.command);
  AddConsume(app, line.command);
  AddDeadLetters(app, line.command);
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
  line.grpc = given.grpc;
  if (!given.output.empty()) {
    line.output =
        given.output == "json" ? OutputFormat::kJson : OutputFormat::kTable;
  }
  return line;
}

}  // namespace enveloperelay::client
