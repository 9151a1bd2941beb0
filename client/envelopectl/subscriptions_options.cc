#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/common_options.h"
#include "client/envelopectl/options.h"
#include "client/envelopectl/text.h"
#include "client/proto_time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "google/protobuf/field_mask.pb.h"

namespace enveloperelay::client {
namespace {

constexpr char kUnlimited[] = "unlimited";

constexpr char kCreateFooter[] =
    R"(Options marked with ... may be repeated: an event passes when it has one of the
values of each.

Examples:
  envelopectl subscriptions create billing
  envelopectl subscriptions create billing --from earliest --type completed
  envelopectl subscriptions create audit --ack-deadline 2m --max-attempts 20 \
      --label owner=compliance)";

constexpr char kUpdateFooter[] =
    R"(Changes what is given and leaves the rest. Filter options replace the whole
filter, labels all labels. With --allow-missing a service can declare its
subscription at every start.

Examples:
  envelopectl subscriptions update billing --max-attempts unlimited
  envelopectl subscriptions update billing --reset filter --reset expire-after
  envelopectl subscriptions update billing --allow-missing --from earliest)";

constexpr char kSeekFooter[] =
    R"(Events after the place are delivered, again if they were before; what is on its
way to workers is taken back from them.

Examples:
  envelopectl subscriptions seek billing --from earliest
  envelopectl subscriptions seek billing --from 2026-07-17T08:00:00Z)";

// What --reset takes, and the fields of a Subscription it names.
struct Resettable {
  const char* name;
  const char* field;
};
constexpr std::array<Resettable, 8> kResettable = {{
    {.name = "filter", .field = "filter"},
    {.name = "ack-deadline", .field = "ack_deadline"},
    {.name = "max-attempts", .field = "max_attempts"},
    {.name = "min-backoff", .field = "min_backoff"},
    {.name = "max-backoff", .field = "max_backoff"},
    {.name = "order", .field = "order"},
    {.name = "expire-after", .field = "expire_after"},
    {.name = "label", .field = "labels"},
}};

std::string ResetChoices() {
  std::string choices;
  for (const Resettable& resettable : kResettable) {
    if (!choices.empty()) choices += ", ";
    choices += resettable.name;
  }
  return choices;
}

// What the options were given, as text.
struct Given {
  std::string name;
  std::string from;
  FilterOptions filter;
  std::string ack_deadline;
  std::string max_attempts;
  std::string min_backoff;
  std::string max_backoff;
  std::string order;
  std::string expire_after;
  bool paused = false;
  std::vector<std::string> labels;
  std::vector<std::string> reset;
  bool allow_missing = false;
  std::string etag;
};

std::string CheckDuration(const std::string& text) {
  if (ParseDuration(text).has_value()) return "";
  return absl::StrFormat("'%s' is no duration such as 30s, 10m, 1h30m or 7d",
                         text);
}

std::optional<int32_t> ParseAttempts(const std::string& text) {
  if (text == kUnlimited) return -1;
  int32_t attempts = 0;
  if (!absl::SimpleAtoi(text, &attempts) || attempts < 0) return std::nullopt;
  return attempts;
}

std::string CheckAttempts(const std::string& text) {
  if (ParseAttempts(text).has_value()) return "";
  return absl::StrFormat("'%s' is neither a number from 0 nor %s", text,
                         kUnlimited);
}

std::string CheckLabel(const std::string& text) {
  if (const size_t end = text.find('='); end != std::string::npos && end > 0) {
    return "";
  }
  return absl::StrFormat("'%s' is not of the form KEY=VALUE", text);
}

// As CheckFrom, but a new subscription begins at no cursor.
std::string CheckStart(const std::string& text) {
  const std::optional<v1::SubscribeRequest> from = ParseFrom(text);
  if (from.has_value() && from->cursor().empty()) return "";
  return absl::StrFormat(
      "'%s' is neither latest, earliest, nor a time such as "
      "2026-07-17T08:00:00Z (seek takes a cursor, too)",
      text);
}

std::string CheckReset(const std::string& text) {
  if (std::ranges::any_of(kResettable, [&text](const Resettable& resettable) {
        return resettable.name == text;
      })) {
    return "";
  }
  return absl::StrFormat("'%s' has no default; allowed are %s", text,
                         ResetChoices());
}

void AddEtag(CLI::App& command, Given& given) {
  command.add_option("--etag", given.etag)
      ->option_text("ETAG")
      ->description("Only if this is still its etag, as get printed it");
}

// What create and update have in common. `from` describes --from.
void AddProperties(CLI::App& command, Given& given, const char* from) {
  command.add_option("--from", given.from)
      ->option_text("PLACE")
      ->description(from)
      ->check(CheckStart);
  given.filter.AddTo(command);
  const auto duration = [&command](const char* flag, std::string& value) {
    return command.add_option(flag, value)
        ->option_text("DURATION")
        ->check(CheckDuration);
  };
  duration("--ack-deadline", given.ack_deadline)
      ->description("How long a worker has for an event, 1s to 10m (30s)");
  command.add_option("--max-attempts", given.max_attempts)
      ->option_text("N|unlimited")
      ->description("Attempts before an event becomes a dead letter (10)")
      ->check(CheckAttempts);
  duration("--min-backoff", given.min_backoff)
      ->description("First delay before another attempt; it doubles (1s)");
  duration("--max-backoff", given.max_backoff)
      ->description("Longest delay before another attempt (5m)");
  command.add_option("--order", given.order)
      ->option_text("by-envelope|none")
      ->description(
          "by-envelope: an envelope's events wait for each other "
          "(by-envelope)")
      ->check(CLI::IsMember({"by-envelope", "none"}));
  command.add_flag("--paused", given.paused)
      ->description("Deliver nothing until it is resumed");
  duration("--expire-after", given.expire_after)
      ->description("Delete it after so long without a worker (never)");
  command.add_option("--label", given.labels)
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE ...")
      ->description("A note of yours, such as owner=billing")
      ->check(CheckLabel);
}

// Where it begins, if it is new.
void SetStart(const Given& given, v1::Subscription& subscription) {
  if (given.from.empty()) return;
  const v1::SubscribeRequest from =
      ParseFrom(given.from).value_or(v1::SubscribeRequest());
  subscription.set_start(from.start());
  if (from.has_start_time()) {
    *subscription.mutable_start_time() = from.start_time();
  }
}

// Sets what was given, and adds the names of these fields to `mask`.
void SetProperties(const Given& given, v1::Subscription& subscription,
                   google::protobuf::FieldMask& mask) {
  subscription.set_name(given.name);
  const auto set_duration =
      [&mask](const std::string& text, const char* path,
              google::protobuf::Duration* (v1::Subscription::*field)(),
              v1::Subscription& target) {
        if (text.empty()) return;
        *(target.*field)() = ToProto(*ParseDuration(text));
        mask.add_paths(path);
      };
  v1::EventFilter filter = given.filter.Filter();
  if (filter.ByteSizeLong() > 0) {
    *subscription.mutable_filter() = std::move(filter);
    mask.add_paths("filter");
  }
  set_duration(given.ack_deadline, "ack_deadline",
               &v1::Subscription::mutable_ack_deadline, subscription);
  if (!given.max_attempts.empty()) {
    subscription.set_max_attempts(
        ParseAttempts(given.max_attempts).value_or(0));
    mask.add_paths("max_attempts");
  }
  set_duration(given.min_backoff, "min_backoff",
               &v1::Subscription::mutable_min_backoff, subscription);
  set_duration(given.max_backoff, "max_backoff",
               &v1::Subscription::mutable_max_backoff, subscription);
  if (!given.order.empty()) {
    subscription.set_order(given.order == "none"
                               ? v1::DELIVERY_ORDER_NONE
                               : v1::DELIVERY_ORDER_BY_ENVELOPE);
    mask.add_paths("order");
  }
  if (given.paused) {
    subscription.set_paused(true);
    mask.add_paths("paused");
  }
  set_duration(given.expire_after, "expire_after",
               &v1::Subscription::mutable_expire_after, subscription);
  for (const std::string& label : given.labels) {
    const size_t end = label.find('=');
    (*subscription.mutable_labels())[label.substr(0, end)] =
        label.substr(end + 1);
  }
  if (!given.labels.empty()) mask.add_paths("labels");
}

v1::CreateSubscriptionRequest MakeCreate(const Given& given) {
  v1::CreateSubscriptionRequest request;
  google::protobuf::FieldMask unused;
  SetProperties(given, *request.mutable_subscription(), unused);
  SetStart(given, *request.mutable_subscription());
  return request;
}

v1::UpdateSubscriptionRequest MakeUpdate(const Given& given) {
  v1::UpdateSubscriptionRequest request;
  google::protobuf::FieldMask& mask = *request.mutable_update_mask();
  SetProperties(given, *request.mutable_subscription(), mask);
  for (const Resettable& resettable : kResettable) {
    if (std::ranges::find(given.reset, resettable.name) == given.reset.end()) {
      continue;
    }
    if (std::ranges::find(mask.paths(), resettable.field) !=
        mask.paths().end()) {
      throw CLI::ValidationError(
          "--reset",
          absl::StrFormat("'%s' is given a value, too", resettable.name));
    }
    mask.add_paths(resettable.field);
  }
  if (!given.from.empty() && !given.allow_missing) {
    throw CLI::ValidationError("--from",
                               "only a new subscription has a beginning; use "
                               "'subscriptions seek', or --allow-missing");
  }
  if (mask.paths().empty() && !given.allow_missing) {
    throw CLI::RequiredError("At least one option that says what to change");
  }
  SetStart(given, *request.mutable_subscription());
  request.mutable_subscription()->set_etag(given.etag);
  request.set_allow_missing(given.allow_missing);
  return request;
}

v1::UpdateSubscriptionRequest MakePause(const std::string& name, bool paused) {
  v1::UpdateSubscriptionRequest request;
  request.mutable_subscription()->set_name(name);
  request.mutable_subscription()->set_paused(paused);
  request.mutable_update_mask()->add_paths("paused");
  return request;
}

v1::SeekSubscriptionRequest MakeSeek(const Given& given) {
  const v1::SubscribeRequest from =
      ParseFrom(given.from).value_or(v1::SubscribeRequest());
  v1::SeekSubscriptionRequest request;
  request.set_name(given.name);
  if (from.has_start_time()) {
    *request.mutable_time() = from.start_time();
  } else if (!from.cursor().empty()) {
    request.set_cursor(from.cursor());
  } else {
    request.set_start(from.start());
  }
  return request;
}

void AddCreate(CLI::App& subscriptions, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& create =
      *subscriptions.add_subcommand("create", "Create a subscription");
  create.footer(kCreateFooter);
  AddSubscriptionName(create, given->name);
  AddProperties(create, *given,
                "Begin at latest, earliest, or a time (latest)");
  create.callback([given, &command] { command = MakeCreate(*given); });
}

void AddUpdate(CLI::App& subscriptions, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& update =
      *subscriptions.add_subcommand("update", "Change a subscription");
  update.footer(kUpdateFooter);
  AddSubscriptionName(update, given->name);
  AddProperties(update, *given,
                "With --allow-missing: begin there if it is new (latest)");
  update.add_option("--reset", given->reset)
      ->allow_extra_args(false)
      ->option_text("OPTION ...")
      ->description(absl::StrFormat("Back to its default: %s", ResetChoices()))
      ->check(CheckReset);
  update.add_flag("--allow-missing", given->allow_missing)
      ->description("Create it if it does not exist");
  AddEtag(update, *given);
  update.callback([given, &command] { command = MakeUpdate(*given); });
}

void AddGetAndList(CLI::App& subscriptions, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& get = *subscriptions.add_subcommand(
      "get", "Print a subscription with its counters and workers");
  AddSubscriptionName(get, given->name);
  get.callback([given, &command] {
    v1::GetSubscriptionRequest request;
    request.set_name(given->name);
    command = std::move(request);
  });
  subscriptions
      .add_subcommand("list", "Print all subscriptions with backlog and lag")
      ->callback([&command] { command = ListSubscriptionsCommand{}; });
}

void AddDelete(CLI::App& subscriptions, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& remove = *subscriptions.add_subcommand(
      "delete", "Delete a subscription, its position and its dead letters");
  AddSubscriptionName(remove, given->name);
  AddEtag(remove, *given);
  remove.callback([given, &command] {
    v1::DeleteSubscriptionRequest request;
    request.set_name(given->name);
    request.set_etag(given->etag);
    command = std::move(request);
  });
}

void AddSeek(CLI::App& subscriptions, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& seek = *subscriptions.add_subcommand(
      "seek", "Move a subscription, to replay or to skip");
  seek.footer(kSeekFooter);
  AddSubscriptionName(seek, given->name);
  seek.add_option("--from", given->from)
      ->required()
      ->option_text("PLACE")
      ->description("Go on at latest, earliest, a cursor, or a time")
      ->check(CheckFrom);
  seek.callback([given, &command] { command = MakeSeek(*given); });
}

void AddPause(CLI::App& subscriptions, Command& command, bool paused) {
  const auto given = std::make_shared<Given>();
  CLI::App& pause =
      paused ? *subscriptions.add_subcommand(
                   "pause", "Deliver nothing; workers stay connected")
             : *subscriptions.add_subcommand("resume", "Deliver again");
  AddSubscriptionName(pause, given->name);
  pause.callback(
      [given, &command, paused] { command = MakePause(given->name, paused); });
}

}  // namespace

void AddSubscriptions(CLI::App& app, Command& command) {
  CLI::App& subscriptions = *app.add_subcommand(
      "subscriptions", "Manage durable subscriptions, which the relay keeps");
  subscriptions.require_subcommand(1);
  AddCreate(subscriptions, command);
  AddGetAndList(subscriptions, command);
  AddUpdate(subscriptions, command);
  AddDelete(subscriptions, command);
  AddSeek(subscriptions, command);
  AddPause(subscriptions, command, true);
  AddPause(subscriptions, command, false);
}

}  // namespace enveloperelay::client
