#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/common_options.h"
#include "client/envelopectl/options.h"
#include "enveloperelay/v1/subscriptions.pb.h"

namespace enveloperelay::client {
namespace {

constexpr char kReplayFooter[] =
    R"(Examples:
  envelopectl dead-letters replay billing 42 57
  envelopectl dead-letters replay billing --all --max-count 100
  envelopectl dead-letters replay billing --all --dry-run)";

constexpr char kDeleteFooter[] =
    R"(Examples:
  envelopectl dead-letters delete billing 42
  envelopectl dead-letters delete billing --all --dry-run)";

// What the options were given.
struct Given {
  std::string subscription;
  std::vector<uint64_t> sequences;
  bool all = false;
  uint32_t max_count = 0;
  bool dry_run = false;
  ViewOption view;
};

// Which ones: what replay and delete have in common.
void AddTargets(CLI::App& command, Given& given) {
  AddSubscriptionName(command, given.subscription);
  auto* const sequences =
      command.add_option("SEQUENCE", given.sequences)
          ->option_text("...")
          ->description("Which, by the sequence of the event");
  command.add_flag("--all", given.all)
      ->option_text(" ")
      ->description("All, oldest first")
      ->excludes(sequences);
  command.add_flag("--dry-run", given.dry_run)
      ->description("Only say how many they are");
}

// Makes the request of replay or delete.
template <typename Request>
Request MakeRequest(const Given& given) {
  if (given.sequences.empty() && !given.all) {
    throw CLI::RequiredError("SEQUENCE or --all");
  }
  Request request;
  request.set_subscription(given.subscription);
  request.mutable_sequences()->Add(given.sequences.begin(),
                                   given.sequences.end());
  request.set_all(given.all);
  request.set_dry_run(given.dry_run);
  return request;
}

void AddList(CLI::App& dead_letters, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& list =
      *dead_letters.add_subcommand("list", "Print dead letters, oldest first");
  AddSubscriptionName(list, given->subscription);
  given->view.AddTo(list);
  list.callback([given, &command] {
    v1::ListDeadLettersRequest request;
    request.set_subscription(given->subscription);
    request.set_view(given->view.View());
    command = std::move(request);
  });
}

void AddReplay(CLI::App& dead_letters, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& replay = *dead_letters.add_subcommand(
      "replay", "Put dead letters back for delivery, attempts reset");
  replay.footer(kReplayFooter);
  AddTargets(replay, *given);
  replay.add_option("--max-count", given->max_count)
      ->option_text("N")
      ->description("At most so many (all)")
      ->check(CLI::PositiveNumber);
  replay.callback([given, &command] {
    auto request = MakeRequest<v1::ReplayDeadLettersRequest>(*given);
    request.set_max_count(given->max_count);
    command = std::move(request);
  });
}

void AddDelete(CLI::App& dead_letters, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& remove =
      *dead_letters.add_subcommand("delete", "Discard dead letters");
  remove.footer(kDeleteFooter);
  AddTargets(remove, *given);
  remove.callback([given, &command] {
    command = MakeRequest<v1::DeleteDeadLettersRequest>(*given);
  });
}

}  // namespace

void AddDeadLetters(CLI::App& app, Command& command) {
  CLI::App& dead_letters = *app.add_subcommand(
      "dead-letters", "Manage events that could not be handled");
  dead_letters.require_subcommand(1);
  AddList(dead_letters, command);
  AddReplay(dead_letters, command);
  AddDelete(dead_letters, command);
}

}  // namespace enveloperelay::client
