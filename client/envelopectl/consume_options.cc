#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "client/envelopectl/command_line.h"
#include "client/envelopectl/common_options.h"
#include "client/envelopectl/options.h"
#include "client/webhook/http_post.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

constexpr uint32_t kConcurrencyMax = 256;
constexpr uint32_t kOutstandingMax = 100'000;

constexpr char kConsumeFooter[] =
    R"(Works as one worker of a durable subscription until it is interrupted: handles
each event, tells the relay what came of it, and prints those that are done.
Events that it has not begun are given back when it ends.

                done       retry                             dead letter
  (neither)     printed
  --exec CMD    exit 0     exit 75                           any other exit, or a signal
  --forward     2xx        408, 425, 429, 5xx, a redirect,   any other 4xx
                           no answer; after Retry-After

--exec runs CMD with /bin/sh for each event, with its JSON on standard input; what
CMD prints goes to standard error. --forward posts the webhook's original body,
with the header fields Envelope-Relay-Event-Id, Envelope-Relay-Sequence and
traceparent (that of the event).

Examples:
  envelopectl consume billing
  envelopectl consume billing --exec './book-invoice' --concurrency 4
  envelopectl consume billing --forward http://localhost:3000/webhooks)";

// What the options were given.
struct Given {
  std::string subscription;
  std::string execute;
  std::string forward;
  std::string worker_id;
  uint32_t concurrency = 1;
  uint32_t max_outstanding = 0;
  uint64_t limit = 0;
  ViewOption view;
};

std::string CheckForward(const std::string& text) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(text);
  if (url.ok()) return "";
  return absl::StrFormat(
      "'%s' cannot be posted to (%s); allowed are HOST:PORT and "
      "http[s]://HOST[:PORT][/PATH]",
      text, url.status().message());
}

ConsumeCommand MakeConsume(const Given& given) {
  ConsumeCommand consume{.request = {},
                         .execute = given.execute,
                         .forward = {},
                         .concurrency = given.concurrency,
                         .limit = given.limit};
  consume.request.set_subscription(given.subscription);
  consume.request.set_worker_id(given.worker_id);
  consume.request.set_max_outstanding_events(given.max_outstanding);
  consume.request.set_view(given.view.View());
  if (!given.execute.empty()) {
    consume.handling = Handling::kExecute;
  } else if (!given.forward.empty()) {
    consume.handling = Handling::kForward;
    consume.forward = *ParseHttpUrl(given.forward);
  }
  return consume;
}

}  // namespace

void AddConsume(CLI::App& app, Command& command) {
  const auto given = std::make_shared<Given>();
  CLI::App& consume = *app.add_subcommand(
      "consume", "Handle the events of a durable subscription");
  consume.footer(kConsumeFooter);
  AddSubscriptionName(consume, given->subscription);
  auto* const execute =
      consume.add_option("--exec", given->execute)
          ->option_text("CMD")
          ->description("Run this for each event")
          ->check([](const std::string& text) {
            return std::string(text.empty() ? "must not be empty" : "");
          });
  auto* const forward =
      consume.add_option("--forward", given->forward)
          ->option_text("URL")
          ->description("Post each webhook to this http address")
          ->check(CheckForward)
          ->excludes(execute);
  consume.add_option("--concurrency", given->concurrency)
      ->option_text("N")
      ->description(
          "Handle so many events at a time, of different envelopes (1)")
      ->check(CLI::Range(uint32_t{1}, kConcurrencyMax));
  consume.add_option("--limit", given->limit)
      ->option_text("N")
      ->description("End after so many events (none)")
      ->check(CLI::PositiveNumber);
  consume.add_option("--max-outstanding", given->max_outstanding)
      ->option_text("N")
      ->description("Hold at most so many events (1000)")
      ->check(CLI::Range(uint32_t{1}, kOutstandingMax));
  consume.add_option("--worker-id", given->worker_id)
      ->option_text("ID")
      ->description(
          "A stable name, by which it gets its events back at once when it "
          "returns (random)");
  given->view.AddTo(consume)->excludes(forward);
  consume.callback([given, &command] { command = MakeConsume(*given); });
}

}  // namespace enveloperelay::client
