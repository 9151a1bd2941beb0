#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/commands.h"
#include "client/envelopectl/interruption.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/relay.h"

namespace enveloperelay::client {
namespace {

int Main(std::vector<std::string> arguments) {
  // A closed pipe is seen as an error of write(2).
  std::signal(SIGPIPE, SIG_IGN);
  Output output(STDOUT_FILENO);
  const auto parsed = ParseCommandLine(std::move(arguments));
  absl::Status status;
  if (const auto* exit = std::get_if<Exit>(&parsed)) {
    if (exit->code != 0) {
      std::fputs(exit->text.c_str(), stderr);
      return exit->code;
    }
    output.Write(exit->text);
    status = output.Flush();
  } else if (const auto* line = std::get_if<CommandLine>(&parsed)) {
    const bool terminal = output.IsTerminal();
    const Console console{
        .output = output,
        .format = line->output.value_or(terminal ? OutputFormat::kTable
                                                 : OutputFormat::kJson),
        .colors = terminal && ColorsWanted()};
    // Those that run until then. Before gRPC has threads, which would take the
    // signals.
    if (std::holds_alternative<SubscribeCommand>(line->command) ||
        std::holds_alternative<ConsumeCommand>(line->command)) {
      BlockStopSignals();
    }
    const absl::StatusOr<Relay> relay = OpenRelay(*line);
    status = relay.status();
    if (relay.ok()) {
      status = std::visit(
          [&](const auto& command) { return Run(command, *relay, console); },
          line->command);
    }
  }
  if (status.ok() || output.reader_gone()) return 0;
  absl::FPrintF(stderr, "envelopectl: %s\n", status.message());
  return 1;
}

}  // namespace
}  // namespace enveloperelay::client

int main(int argc, char** argv) {
  return enveloperelay::client::Main(
      std::vector<std::string>(argv + 1, argv + argc));
}
