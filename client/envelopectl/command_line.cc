#include "client/envelopectl/command_line.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/names.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/text.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

constexpr int kUsageError = 2;
constexpr char kEveryEvent[] = "all";
constexpr double kRateMax = 1e6;

constexpr char kAppFooter[] =
    R"(Each command takes the common options too. Run 'envelopectl COMMAND --help' for
its own options and examples.

Exit status: 0 success, 1 failure, 2 wrong usage.)";

constexpr char kSendFooter[] =
    R"(Sample webhooks differ from each other, so that none is a duplicate; a file is
sent as it is. With --event all each round sends all the documented webhooks.

Examples:
  envelopectl send
  envelopectl send --event all --token-file token
  envelopectl send --action signed --envelope-id 6697e681c5e364c7c23710d4
  envelopectl send --count 10000 --rate 500
  envelopectl send --file webhook.json)";

constexpr char kSubscribeFooter[] =
    R"(Runs until it is interrupted, connecting again whenever the stream breaks. A
cursor in the cursor file wins over --from; it is stored after what it covers was
printed. Options marked with ... may be repeated: an event passes when it has one
of the values of each.

Examples:
  envelopectl subscribe
  envelopectl subscribe --cursor-file billing.cursor --output json | ./billing
  envelopectl subscribe --from 2026-07-17T08:00:00Z --type completed
  envelopectl subscribe --from earliest --until-caught-up)";

constexpr char kListFooter[] =
    R"(Options marked with ... may be repeated: an event passes when it has one of the
values of each.

Examples:
  envelopectl list --envelope-id 6697e681c5e364c7c23710d4
  envelopectl list --type declined --type expired --limit 20
  envelopectl list --from 2026-07-17T08:00:00Z --output json)";

constexpr char kGetFooter[] =
    R"(Examples:
  envelopectl get 42
  envelopectl get 42 --output json
  envelopectl get 0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10)";

// What the options were given, as text.
struct Given {
  std::string grpc = "127.0.0.1:9090";
  std::string ingress = "127.0.0.1:8080";
  std::string output;

  std::string token_file;
  std::string event;
  std::string action;
  std::string file;
  std::string envelope_id;
  uint64_t count = 1;
  std::string rate;

  std::string from;
  std::string view = "full";
  std::vector<std::string> types;
  std::vector<std::string> actions;
  std::vector<std::string> envelope_ids;
  std::vector<std::string> recipient_ids;
  std::vector<std::string> uids;
  std::vector<std::string> hook_ids;
  std::string cursor_file;
  bool until_caught_up = false;
  uint64_t limit = 0;
  std::string key;
};

// Where --from begins. Nothing: the text is no place in a log.
std::optional<v1::SubscribeRequest> ParseFrom(const std::string& text) {
  v1::SubscribeRequest request;
  const std::string word = absl::AsciiStrToLower(text);
  if (word == "latest" || word == "earliest") {
    request.set_start(word == "latest" ? v1::START_POSITION_LATEST
                                       : v1::START_POSITION_EARLIEST);
    return request;
  }
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) {
    *request.mutable_start_time() = ToTimestamp(time);
    return request;
  }
  // A cursor is URL-safe text; only the relay can tell whether it is one.
  constexpr size_t kCursorBytesMin = 16;
  if (text.size() < kCursorBytesMin || !std::ranges::all_of(text, [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_';
      })) {
    return std::nullopt;
  }
  request.set_cursor(text);
  return request;
}

std::string CheckFrom(const std::string& text) {
  if (ParseFrom(text).has_value()) return "";
  return absl::StrFormat(
      "'%s' is neither latest, earliest, a time such as 2026-07-17T08:00:00Z, "
      "nor a cursor",
      text);
}

std::string CheckType(const std::string& text) {
  if (ParseEventType(text).has_value()) return "";
  return absl::StrFormat("'%s' is no event type; allowed are %s", text,
                         EventTypeChoices());
}

std::string CheckAction(const std::string& text) {
  if (ParseAuditAction(text).has_value()) return "";
  return absl::StrFormat("'%s' is no action; allowed are %s", text,
                         AuditActionChoices());
}

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

void AddSend(CLI::App& app, Given& given) {
  CLI::App& send = *app.add_subcommand("send", "Post webhooks to the relay");
  send.footer(kSendFooter);
  auto* const file =
      send.add_option("--file", given.file)
          ->option_text("PATH")
          ->description(
              "Send this body instead of a sample; - reads it from "
              "standard input");
  send.add_option("--event", given.event)
      ->option_text("NAME")
      ->description(
          absl::StrFormat("%s, or all (completed)", EventTypeChoices()))
      ->check(CheckEvent)
      ->excludes(file);
  send.add_option("--action", given.action)
      ->option_text("NAME")
      ->description(absl::StrFormat("Of an audit_trail: %s (viewed)",
                                    AuditActionChoices()))
      ->check(CheckAction)
      ->excludes(file);
  send.add_option("--envelope-id", given.envelope_id)
      ->option_text("ID")
      ->description("Of every sample (random)")
      ->excludes(file);
  send.add_option("--count", given.count)
      ->option_text("N")
      ->description("How many times (1)")
      ->check(CLI::PositiveNumber);
  send.add_option("--rate", given.rate)
      ->option_text("N[/s]")
      ->description("Webhooks a second (as fast as they are answered)")
      ->check(CheckRate);
  send.add_option("--token-file", given.token_file)
      ->envname("ENVELOPE_RELAY_TOKEN_FILE")
      ->option_text("PATH")
      ->description(
          "File with the ingress token (none is sent); or "
          "ENVELOPE_RELAY_TOKEN_FILE");
}

// What subscribe and list have in common.
void AddSelection(CLI::App& command, Given& given, const char* from_default) {
  command.add_option("--from", given.from)
      ->option_text("PLACE")
      ->description(absl::StrFormat(
          "Begin at latest, earliest, a cursor, or a time (%s)", from_default))
      ->check(CheckFrom);
  const auto repeatable = [&command](const char* flag,
                                     std::vector<std::string>& values,
                                     const char* text) {
    return command.add_option(flag, values)
        ->allow_extra_args(false)
        ->option_text(std::string(text) + " ...");
  };
  repeatable("--type", given.types, "NAME")
      ->description(EventTypeChoices())
      ->check(CheckType);
  repeatable("--action", given.actions, "NAME")
      ->description(
          absl::StrFormat("Of an audit_trail: %s", AuditActionChoices()))
      ->check(CheckAction);
  repeatable("--envelope-id", given.envelope_ids, "ID")
      ->description("Events of this envelope");
  repeatable("--recipient-id", given.recipient_ids, "ID")
      ->description("Audit trails of this recipient");
  repeatable("--uid", given.uids, "ID")
      ->description("Events of this Sign.Plus user");
  repeatable("--hook-id", given.hook_ids, "ID")
      ->description("Events of this webhook registration");
  command.add_option("--view", given.view)
      ->option_text("full|basic")
      ->description("basic: without the payload (full)")
      ->check(CLI::IsMember({"full", "basic"}));
}

void AddReaders(CLI::App& app, Given& given) {
  CLI::App& subscribe = *app.add_subcommand(
      "subscribe", "Print events as they come, in the order of the log");
  subscribe.footer(kSubscribeFooter);
  AddSelection(subscribe, given, "latest");
  subscribe.add_option("--cursor-file", given.cursor_file)
      ->option_text("PATH")
      ->description("Resume after the cursor in it, and keep it up to date");
  subscribe.add_flag("--until-caught-up", given.until_caught_up)
      ->description("End at the newest event there is at the start");

  CLI::App& list = *app.add_subcommand("list", "Print events of the past");
  list.footer(kListFooter);
  AddSelection(list, given, "earliest");
  list.add_option("--limit", given.limit)
      ->option_text("N")
      ->description("At most so many events (all)")
      ->check(CLI::PositiveNumber);

  CLI::App& get = *app.add_subcommand("get", "Print one event");
  get.footer(kGetFooter);
  get.add_option("KEY", given.key)
      ->required()
      ->option_text("EVENT_ID|SEQUENCE")
      ->description("Which event");

  app.add_subcommand("log", "Print the bounds and the identity of the log");
}

v1::SubscribeRequest Selection(const Given& given) {
  v1::SubscribeRequest request;
  if (!given.from.empty()) {
    request = ParseFrom(given.from).value_or(request);
  }
  v1::EventFilter& filter = *request.mutable_filter();
  for (const std::string& type : given.types) {
    filter.add_types(ParseEventType(type).value_or(v1::EVENT_TYPE_UNSPECIFIED));
  }
  for (const std::string& action : given.actions) {
    filter.add_audit_actions(
        ParseAuditAction(action).value_or(v1::AUDIT_ACTION_UNSPECIFIED));
  }
  filter.mutable_envelope_ids()->Add(given.envelope_ids.begin(),
                                     given.envelope_ids.end());
  filter.mutable_recipient_ids()->Add(given.recipient_ids.begin(),
                                      given.recipient_ids.end());
  filter.mutable_uids()->Add(given.uids.begin(), given.uids.end());
  filter.mutable_hook_ids()->Add(given.hook_ids.begin(), given.hook_ids.end());
  request.set_view(given.view == "basic" ? v1::EVENT_VIEW_BASIC
                                         : v1::EVENT_VIEW_FULL);
  return request;
}

ListCommand MakeList(const Given& given) {
  const v1::SubscribeRequest selection = Selection(given);
  ListCommand list;
  list.limit = given.limit;
  list.request.set_cursor(selection.cursor());
  list.request.set_start(selection.start());
  if (selection.has_start_time()) {
    *list.request.mutable_start_time() = selection.start_time();
  }
  *list.request.mutable_filter() = selection.filter();
  list.request.set_view(selection.view());
  return list;
}

GetCommand MakeGet(const Given& given) {
  GetCommand get;
  uint64_t sequence = 0;
  if (absl::SimpleAtoi(given.key, &sequence)) {
    get.request.set_sequence(sequence);
  } else {
    get.request.set_event_id(given.key);
  }
  return get;
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

std::variant<CommandLine, Exit> MakeCommandLine(const std::string& name,
                                                const Given& given) {
  CommandLine line{.grpc = given.grpc, .output = {}, .command = LogCommand{}};
  if (!given.output.empty()) {
    line.output =
        given.output == "json" ? OutputFormat::kJson : OutputFormat::kTable;
  }
  if (name == "send") {
    SendCommand send{.ingress = *ParseIngressUrl(given.ingress),
                     .token_file = given.token_file,
                     .kinds = {},
                     .file = given.file,
                     .envelope_id = given.envelope_id,
                     .count = given.count,
                     .rate = ParseRate(given.rate).value_or(0)};
    if (given.file.empty()) {
      send.kinds = SelectKinds(given);
      if (send.kinds.empty()) {
        return Exit{.code = kUsageError,
                    .text =
                        "envelopectl: --action: only --event audit_trail "
                        "has actions\n"};
      }
    }
    line.command = std::move(send);
  } else if (name == "subscribe") {
    SubscribeCommand subscribe{.request = Selection(given),
                               .cursor_file = given.cursor_file};
    subscribe.request.set_until_caught_up(given.until_caught_up);
    line.command = std::move(subscribe);
  } else if (name == "list") {
    line.command = MakeList(given);
  } else if (name == "get") {
    line.command = MakeGet(given);
  }
  return line;
}

// What to say when the arguments are wrong.
Exit UsageError(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  std::string what = error.what();
  if (chosen.empty() && !app.remaining().empty()) {
    what = absl::StrFormat("there is no command '%s'", app.remaining()[0]);
  }
  return Exit{
      .code = kUsageError,
      .text = absl::StrFormat(
          "envelopectl: %s\nRun 'envelopectl %s--help' for what is allowed.\n",
          what, chosen.empty() ? "" : chosen[0]->get_name() + " ")};
}

}  // namespace

std::variant<CommandLine, Exit> ParseCommandLine(
    std::vector<std::string> arguments) {
  Given given;
  CLI::App app("Sends webhooks to an Envelope Relay and reads its events.",
               "envelopectl");
  app.set_version_flag("--version", ENVELOPECTL_VERSION, "Print the version");
  app.footer(kAppFooter);
  app.require_subcommand(1);
  app.fallthrough();
  AddCommon(app, given);
  AddSend(app, given);
  AddReaders(app, given);
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
  return MakeCommandLine(app.get_subcommands()[0]->get_name(), given);
}

}  // namespace enveloperelay::client
