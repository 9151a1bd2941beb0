// Posts every webhook that Sign.Plus documents to a running relay, and shows
// each one leave and arrive. Exits 0 if and only if each arrived once, in
// order.
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/demo/arrivals.h"
#include "client/webhook/poster.h"
#include "client/webhook/sample.h"
#include "enveloperelay/subscriber.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {
namespace {

struct DemoOptions {
  std::string ingress = "127.0.0.1:8080";
  std::string grpc = "127.0.0.1:9090";
  std::string token_file;
  int time_limit_seconds = 30;
};

absl::Status Annotate(const absl::Status& status, std::string_view doing) {
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", doing, status.message()));
}

// A subscriber on a thread of its own, which reports to `arrivals`.
class Listener {
 public:
  Listener(const DemoOptions& options, const std::string& envelope_id,
           Arrivals& arrivals)
      : subscriber_(MakeOptions(options, envelope_id, arrivals)),
        thread_([this, &arrivals] { Listen(arrivals); }) {}
  ~Listener() {
    subscriber_.Stop();
    thread_.join();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  static SubscriberOptions MakeOptions(const DemoOptions& options,
                                       const std::string& envelope_id,
                                       Arrivals& arrivals) {
    SubscriberOptions result;
    result.target = options.grpc;
    result.request.mutable_filter()->add_envelope_ids(envelope_id);
    // A heartbeat after the last event shows that nothing follows it.
    result.request.mutable_heartbeat_interval()->set_seconds(1);
    result.on_retry = [&arrivals](const absl::Status& status,
                                  absl::Duration /*delay*/) {
      arrivals.Broke(status);
    };
    return result;
  }

  void Listen(Arrivals& arrivals) {
    while (true) {
      const auto response = subscriber_.Next();
      if (!response.ok() || *response == nullptr) {
        arrivals.Ended(response.status());
        return;
      }
      arrivals.Add(**response);
    }
  }

  Subscriber subscriber_;
  std::thread thread_;
};

std::string Milliseconds(absl::Duration duration) {
  return absl::StrFormat("%.2f ms", absl::ToDoubleMilliseconds(duration));
}

// Posts one webhook, waits for its event and prints a row. Returns its id.
absl::StatusOr<std::string> PostAndAwait(size_t number, const WebhookKind& kind,
                                         std::string_view body,
                                         WebhookPoster& poster,
                                         Arrivals& arrivals,
                                         absl::Time deadline) {
  const absl::Time begin = absl::Now();
  const absl::StatusOr<StoredWebhook> stored = poster.Post(body);
  const absl::Time answered = absl::Now();
  if (!stored.ok()) {
    return Annotate(stored.status(), absl::StrFormat("posting %s", kind.event));
  }
  const absl::StatusOr<absl::Time> arrived =
      arrivals.AwaitEvent(stored->event_id, deadline);
  if (!arrived.ok()) {
    return Annotate(arrived.status(),
                    absl::StrFormat("%s was stored as sequence %s but did not "
                                    "arrive",
                                    kind.event, stored->sequence));
  }
  absl::PrintF("%2u  %-20s  %-18s  %8s  %12s  %12s\n", number, kind.event,
               kind.action.empty() ? "-" : kind.action, stored->sequence,
               Milliseconds(answered - begin), Milliseconds(*arrived - begin));
  std::fflush(stdout);
  return stored->event_id;
}

absl::Status Demonstrate(const DemoOptions& options) {
  const absl::Time deadline =
      absl::Now() + absl::Seconds(options.time_limit_seconds);
  const absl::StatusOr<HttpUrl> ingress = ParseIngressUrl(options.ingress);
  if (!ingress.ok()) return ingress.status();
  std::string token;
  if (!options.token_file.empty()) {
    absl::StatusOr<std::string> read = ReadTokenFile(options.token_file);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  }

  absl::BitGen random;
  const std::string envelope_id = RandomId(random);
  Arrivals arrivals;
  const Listener listener(options, envelope_id, arrivals);
  if (const absl::Status status = arrivals.AwaitConfirmation(deadline);
      !status.ok()) {
    return Annotate(status, absl::StrFormat("subscribing at %s", options.grpc));
  }
  absl::PrintF("Subscribed at %s; posting to %s://%s, envelope %s\n\n",
               options.grpc, ingress->tls ? "https" : "http",
               ingress->Authority(), envelope_id);
  absl::PrintF("%2s  %-20s  %-18s  %8s  %12s  %12s\n", "#", "EVENT", "ACTION",
               "SEQUENCE", "POST TO 200", "TO DELIVERY");

  WebhookPoster poster({.url = *ingress, .token = token});
  std::vector<std::string> posted;
  for (const WebhookKind& kind : kWebhookKinds) {
    absl::StatusOr<std::string> event_id = PostAndAwait(
        posted.size() + 1, kind, SampleWebhook(kind, envelope_id, random),
        poster, arrivals, deadline);
    if (!event_id.ok()) return event_id.status();
    posted.push_back(*std::move(event_id));
  }
  const absl::StatusOr<std::vector<std::string>> delivered =
      arrivals.AwaitQuiet(deadline);
  if (!delivered.ok())
    return Annotate(delivered.status(), "the last heartbeat");
  if (*delivered != posted) {
    return absl::DataLossError(absl::StrFormat(
        "%u webhooks were posted and %u events arrived, but not each once and "
        "in order",
        posted.size(), delivered->size()));
  }
  absl::PrintF(
      "\n%u webhooks posted, %u events delivered: each once, in order.\n",
      posted.size(), delivered->size());
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  DemoOptions options;
  CLI::App app(
      "Posts every webhook that Sign.Plus documents to a running relay, and "
      "shows each one\nleave and arrive. Exits 0 if each arrived once, in "
      "order.",
      "envelope-relay-demo");
  app.add_option("--ingress", options.ingress)
      ->option_text("HOST:PORT")
      ->description("The relay's HTTP address (127.0.0.1:8080)");
  app.add_option("--grpc", options.grpc)
      ->option_text("HOST:PORT")
      ->description("The relay's gRPC address (127.0.0.1:9090)");
  app.add_option("--token-file", options.token_file)
      ->option_text("PATH")
      ->description("File with the ingress token (none is sent)");
  app.add_option("--time-limit", options.time_limit_seconds)
      ->option_text("SECONDS")
      ->description("Give up after this long (30)")
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Demonstrate(options);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "envelope-relay-demo: %s\n", status.message());
  return 1;
}

}  // namespace
}  // namespace enveloperelay::client

int main(int argc, char** argv) try {
  return enveloperelay::client::Main(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "envelope-relay-demo: %s\n", error.what());
  return 1;
}
