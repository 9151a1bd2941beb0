#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/common_options.h"
#include "client/envelopectl/options.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

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

// What subscribe and list have in common.
struct Selection {
  std::string from;
  FilterOptions filter;
  ViewOption view;

  void AddTo(CLI::App& command, const char* from_default) {
    command.add_option("--from", from)
        ->option_text("PLACE")
        ->description(absl::StrFormat(
            "Begin at latest, earliest, a cursor, or a time (%s)",
            from_default))
        ->check(CheckFrom);
    filter.AddTo(command);
    view.AddTo(command);
  }
};

struct GivenToSubscribe {
  Selection selection;
  std::string cursor_file;
  bool until_caught_up = false;
};

struct GivenToList {
  Selection selection;
  uint64_t limit = 0;
};

v1::SubscribeRequest MakeRequest(const Selection& selection) {
  v1::SubscribeRequest request;
  if (!selection.from.empty()) {
    request = ParseFrom(selection.from).value_or(request);
  }
  *request.mutable_filter() = selection.filter.Filter();
  request.set_view(selection.view.View());
  return request;
}

ListCommand MakeList(const GivenToList& given) {
  const v1::SubscribeRequest selection = MakeRequest(given.selection);
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

GetCommand MakeGet(const std::string& key) {
  GetCommand get;
  uint64_t sequence = 0;
  if (absl::SimpleAtoi(key, &sequence)) {
    get.request.set_sequence(sequence);
  } else {
    get.request.set_event_id(key);
  }
  return get;
}

void AddSubscribe(CLI::App& app, Command& command) {
  const auto given = std::make_shared<GivenToSubscribe>();
  CLI::App& subscribe = *app.add_subcommand(
      "subscribe", "Print events as they come, in the order of the log");
  subscribe.footer(kSubscribeFooter);
  given->selection.AddTo(subscribe, "latest");
  subscribe.add_option("--cursor-file", given->cursor_file)
      ->option_text("PATH")
      ->description("Resume after the cursor in it, and keep it up to date");
  subscribe.add_flag("--until-caught-up", given->until_caught_up)
      ->description("End at the newest event there is at the start");
  subscribe.callback([given, &command] {
    SubscribeCommand made{.request = MakeRequest(given->selection),
                          .cursor_file = given->cursor_file};
    made.request.set_until_caught_up(given->until_caught_up);
    command = std::move(made);
  });
}

void AddList(CLI::App& app, Command& command) {
  const auto given = std::make_shared<GivenToList>();
  CLI::App& list = *app.add_subcommand("list", "Print events of the past");
  list.footer(kListFooter);
  given->selection.AddTo(list, "earliest");
  list.add_option("--limit", given->limit)
      ->option_text("N")
      ->description("At most so many events (all)")
      ->check(CLI::PositiveNumber);
  list.callback([given, &command] { command = MakeList(*given); });
}

void AddGet(CLI::App& app, Command& command) {
  const auto key = std::make_shared<std::string>();
  CLI::App& get = *app.add_subcommand("get", "Print one event");
  get.footer(kGetFooter);
  get.add_option("KEY", *key)
      ->required()
      ->option_text("EVENT_ID|SEQUENCE")
      ->description("Which event");
  get.callback([key, &command] { command = MakeGet(*key); });
}

}  // namespace

void AddReaders(CLI::App& app, Command& command) {
  AddSubscribe(app, command);
  AddList(app, command);
  AddGet(app, command);
  app.add_subcommand("log", "Print the bounds and the identity of the log")
      ->callback([&command] { command = LogCommand{}; });
}

}  // namespace enveloperelay::client
