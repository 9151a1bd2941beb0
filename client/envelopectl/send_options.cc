#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/common_options.h"
#include "client/envelopectl/names.h"
#include "client/envelopectl/options.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

constexpr char kEveryEvent[] = "all";
constexpr double kRateMax = 1e6;

constexpr char kSendFooter[] =
    R"(Sample webhooks differ from each other, so that none is a duplicate; a file is
sent as it is. With --event all each round sends all the documented webhooks.

Examples:
  envelopectl send
  envelopectl send --event all --token-file token
  envelopectl send --action signed --envelope-id 6697e681c5e364c7c23710d4
  envelopectl send --ingress https://localhost:8443 --ingress-ca-file ca.crt
  envelopectl send --count 10000 --rate 500
  envelopectl send --file webhook.json)";

// What the options were given, as text.
struct Given {
  std::string token_file;
  std::string ca_file;
  std::string event;
  std::string action;
  std::string file;
  std::string envelope_id;
  uint64_t count = 1;
  std::string rate;
};

std::string CheckEvent(const std::string& text) {
  if (text == kEveryEvent || ParseEventType(text).has_value()) return "";
  return absl::StrFormat(
      "'%s' is no documented event; allowed are %s, all (another body can be "
      "sent with --file)",
      text, EventTypeChoices());
}

std::optional<double> ParseRate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  double rate = 0;
  if (!absl::SimpleAtod({text.data(), text.size()}, &rate) || !(rate > 0) ||
      rate > kRateMax) {
    return std::nullopt;
  }
  return rate;
}

std::string CheckRate(const std::string& text) {
  if (ParseRate(text).has_value()) return "";
  return absl::StrFormat(
      "'%s' is not a rate; allowed is a number of webhooks a second above 0, "
      "up "
      "to %.0f, such as 50 or 50/s",
      text, kRateMax);
}

// The webhooks that --event and --action name. Empty: they exclude each other.
std::vector<WebhookKind> SelectKinds(const Given& given) {
  if (given.event == kEveryEvent && given.action.empty()) {
    return {kWebhookKinds.begin(), kWebhookKinds.end()};
  }
  const v1::EventType unnamed = given.action.empty()
                                    ? v1::EVENT_TYPE_ENVELOPE_COMPLETED
                                    : v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL;
  const v1::EventType type =
      given.event.empty()
          ? unnamed
          : ParseEventType(given.event).value_or(v1::EVENT_TYPE_UNSPECIFIED);
  const bool audit_trail = type == v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL;
  if (!audit_trail && !given.action.empty()) return {};
  const std::string action = given.action.empty() ? "viewed" : given.action;
  for (const WebhookKind& kind : kWebhookKinds) {
    if (ParseEventType(kind.event) == type &&
        (!audit_trail ||
         ParseAuditAction(kind.action) == ParseAuditAction(action))) {
      return {kind};
    }
  }
  return {};
}

SendCommand MakeSend(const Given& given, const std::string& ingress) {
  SendCommand send{.ingress = *ParseIngressUrl(ingress),
                   .token_file = given.token_file,
                   .ca_file = given.ca_file,
                   .kinds = {},
                   .file = given.file,
                   .envelope_id = given.envelope_id,
                   .count = given.count,
                   .rate = ParseRate(given.rate).value_or(0)};
  if (given.file.empty()) {
    send.kinds = SelectKinds(given);
    if (send.kinds.empty()) {
      throw CLI::ValidationError("--action",
                                 "only --event audit_trail has actions");
    }
  }
  return send;
}

}  // namespace

void AddSend(CLI::App& app, const std::string& ingress, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& send = *app.add_subcommand("send", "Post webhooks to the relay");
  send.footer(kSendFooter);
  auto* const file =
      send.add_option("--file", given->file)
          ->option_text("PATH")
          ->description(
              "Send this body instead of a sample; - reads it from "
              "standard input");
  send.add_option("--event", given->event)
      ->option_text("NAME")
      ->description(
          absl::StrFormat("%s, or all (completed)", EventTypeChoices()))
      ->check(CheckEvent)
      ->excludes(file);
  send.add_option("--action", given->action)
      ->option_text("NAME")
      ->description(absl::StrFormat("Of an audit_trail: %s (viewed)",
                                    AuditActionChoices()))
      ->check(CheckAuditAction)
      ->excludes(file);
  send.add_option("--envelope-id", given->envelope_id)
      ->option_text("ID")
      ->description("Of every sample (random)")
      ->excludes(file);
  send.add_option("--count", given->count)
      ->option_text("N")
      ->description("How many times (1)")
      ->check(CLI::PositiveNumber);
  send.add_option("--rate", given->rate)
      ->option_text("N[/s]")
      ->description("Webhooks a second (as fast as they are answered)")
      ->check(CheckRate);
  send.add_option("--token-file", given->token_file)
      ->envname("ENVELOPE_RELAY_TOKEN_FILE")
      ->option_text("PATH")
      ->description(
          "File with the ingress token (none is sent); or "
          "ENVELOPE_RELAY_TOKEN_FILE");
  send.add_option("--ingress-ca-file", given->ca_file)
      ->envname("ENVELOPE_RELAY_INGRESS_CA_FILE")
      ->option_text("PATH")
      ->description(
          "PEM file with the CA of an https ingress (the system's CAs); or "
          "ENVELOPE_RELAY_INGRESS_CA_FILE");
  send.callback(
      [given, &ingress, &command] { command = MakeSend(*given, ingress); });
}

}  // namespace enveloperelay::client
