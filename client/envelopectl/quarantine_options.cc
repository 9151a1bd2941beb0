#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/options.h"
#include "client/envelopectl/quarantine_format.h"
#include "enveloperelay/v1/quarantine.pb.h"

namespace enveloperelay::client {
namespace {

constexpr char kListFooter[] =
    R"(Examples:
  envelopectl quarantine list
  envelopectl quarantine list --reason not_an_envelope_event --oldest-first)";

constexpr char kRetryFooter[] =
    R"(Those that now are events are stored in the log and leave the quarantine. The
others stay; when one of those named does, the exit status is 1.

Examples:
  envelopectl quarantine retry 3485633ece6fb583d5a639c41553cd08
  envelopectl quarantine retry --all --dry-run)";

constexpr char kDeleteFooter[] =
    R"(Examples:
  envelopectl quarantine delete 3485633ece6fb583d5a639c41553cd08
  envelopectl quarantine delete --all --reason malformed_json --dry-run)";

// What the options were given.
struct Given {
  std::vector<std::string> ids;
  bool all = false;
  std::string reason;
  bool oldest_first = false;
  bool dry_run = false;

  v1::QuarantineReason Reason() const {
    return ParseQuarantineReason(reason).value_or(
        v1::QUARANTINE_REASON_UNSPECIFIED);
  }
};

CLI::Option* AddReason(CLI::App& command, Given& given) {
  return command.add_option("--reason", given.reason)
      ->option_text("REASON")
      ->description("Only those with it: " + QuarantineReasonChoices())
      ->check([](const std::string& text) -> std::string {
        if (ParseQuarantineReason(text).has_value()) return "";
        return absl::StrFormat("there is no reason '%s'; allowed are %s", text,
                               QuarantineReasonChoices());
      });
}

// Which ones: what retry and delete have in common.
void AddTargets(CLI::App& command, Given& given) {
  auto* const ids = command.add_option("ID", given.ids)
                        ->option_text("...")
                        ->description("Which, as list prints them");
  auto* const all = command.add_flag("--all", given.all)
                        ->option_text(" ")
                        ->description("All, oldest first")
                        ->excludes(ids);
  AddReason(command, given)->needs(all);
  command.add_flag("--dry-run", given.dry_run)
      ->description("Only say what would become of them");
}

// Makes the request of retry or delete.
template <typename Request>
Request MakeRequest(const Given& given) {
  if (given.ids.empty() && !given.all) {
    throw CLI::RequiredError("ID or --all");
  }
  Request request;
  request.mutable_ids()->Add(given.ids.begin(), given.ids.end());
  request.set_all(given.all);
  request.set_reason(given.Reason());
  request.set_dry_run(given.dry_run);
  return request;
}

void AddList(CLI::App& quarantine, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& list = *quarantine.add_subcommand(
      "list", "Print what is in quarantine, newest first");
  list.footer(kListFooter);
  AddReason(list, *given);
  list.add_flag("--oldest-first", given->oldest_first)
      ->description("By when they came first");
  list.callback([given, &command] {
    v1::ListQuarantinedRequest request;
    request.set_reason(given->Reason());
    request.set_oldest_first(given->oldest_first);
    command = std::move(request);
  });
}

void AddGet(CLI::App& quarantine, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& get = *quarantine.add_subcommand("get", "Print one with its body");
  get.add_option("ID", given->ids)
      ->option_text(" ")
      ->description("Which, as list prints it")
      ->expected(1)
      ->required();
  get.callback([given, &command] {
    v1::GetQuarantinedRequest request;
    request.set_id(given->ids.front());
    command = std::move(request);
  });
}

void AddRetry(CLI::App& quarantine, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& retry =
      *quarantine.add_subcommand("retry", "Try again to turn them into events");
  retry.footer(kRetryFooter);
  AddTargets(retry, *given);
  retry.callback([given, &command] {
    command = MakeRequest<v1::RetryQuarantinedRequest>(*given);
  });
}

void AddDelete(CLI::App& quarantine, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& remove = *quarantine.add_subcommand("delete", "Discard them");
  remove.footer(kDeleteFooter);
  AddTargets(remove, *given);
  remove.callback([given, &command] {
    command = MakeRequest<v1::DeleteQuarantinedRequest>(*given);
  });
}

}  // namespace

void AddQuarantine(CLI::App& app, Command& command) {
  CLI::App& quarantine = *app.add_subcommand(
      "quarantine", "Manage webhooks that the relay could not understand");
  quarantine.require_subcommand(1);
  AddList(quarantine, command);
  AddGet(quarantine, command);
  AddRetry(quarantine, command);
  AddDelete(quarantine, command);
}

}  // namespace enveloperelay::client
