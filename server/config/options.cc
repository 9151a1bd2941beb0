#include "server/config/options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/base/logging.h"
#include "server/base/network.h"
#include "server/config/config.h"
#include "server/config/values.h"

namespace enveloperelay {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kTiB = kMiB * kMiB;

// What every option has.
struct Head {
  std::string name;
  std::string group;
  std::string default_text;
  std::string help;
};

// A range of T, both ends in it. `zero` says what 0 means where it is allowed
// besides.
template <typename T>
struct Range {
  T min;
  T max;
  std::string zero;

  bool Contains(const T& value) const {
    return (value >= min && value <= max) || (value == T() && !zero.empty());
  }
  std::string Zero() const {
    return zero.empty() ? "" : absl::StrCat(", or 0: ", zero);
  }
};

Option Make(Head head, std::string value_name, std::string allowed,
            TomlType toml_type,
            std::function<bool(std::string_view, Config&)> set) {
  return Option{.name = std::move(head.name),
                .group = std::move(head.group),
                .value_name = std::move(value_name),
                .default_text = std::move(head.default_text),
                .allowed = std::move(allowed),
                .help = std::move(head.help),
                .toml_type = toml_type,
                .set = std::move(set)};
}

// Single-character edits that make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // distances of a's prefix to b's
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

Option Path(std::string Config::* field, bool required, Head head) {
  return Make(std::move(head), "PATH",
              required ? "a path" : "a path, or nothing", TomlType::kString,
              [field, required](std::string_view text, Config& config) {
                if (required && text.empty()) return false;
                config.*field = text;
                return true;
              });
}

Option Networks(std::vector<Network> Config::* field, Head head) {
  return Make(
      std::move(head), "NETWORKS",
      "a list of networks such as 192.0.2.0/24 or 2001:db8::/32, no "
      "bits set behind the prefix, or of single addresses, with commas "
      "between them, or nothing",
      TomlType::kString, [field](std::string_view text, Config& config) {
        absl::StatusOr<std::vector<Network>> networks = ParseNetworks(text);
        if (!networks.ok()) return false;
        config.*field = *std::move(networks);
        return true;
      });
}

Option Listener(Address Config::* field, Head head) {
  return Make(std::move(head), "ADDRESS",
              "IP:PORT, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080 "
              "(port 0: any free one)",
              TomlType::kString,
              [field](std::string_view text, Config& config) {
                const absl::StatusOr<Address> address = ParseAddress(text);
                if (address.ok()) config.*field = *address;
                return address.ok();
              });
}

Option Duration(absl::Duration Config::* field, Range<absl::Duration> range,
                Head head) {
  std::string allowed = absl::StrCat(
      "a duration such as 500ms, 10m or 1h30m (units ms, s, m, h, d), from ",
      DurationText(range.min), " to ", DurationText(range.max), range.Zero());
  return Make(
      std::move(head), "DURATION", std::move(allowed), TomlType::kString,
      [field, range = std::move(range)](std::string_view text, Config& config) {
        const std::optional<absl::Duration> value = ParseDuration(text);
        if (!value.has_value() || !range.Contains(*value)) return false;
        config.*field = *value;
        return true;
      });
}

Option Size(uint64_t Config::* field, Range<uint64_t> range, Head head) {
  std::string allowed = absl::StrCat(
      "bytes such as 64MiB or 1000000 (units KiB, MiB, GiB, TiB), from ",
      SizeText(range.min), " to ", SizeText(range.max), range.Zero());
  return Make(
      std::move(head), "SIZE", std::move(allowed), TomlType::kStringOrInteger,
      [field, range = std::move(range)](std::string_view text, Config& config) {
        const std::optional<uint64_t> value = ParseSize(text);
        if (!value.has_value() || !range.Contains(*value)) return false;
        config.*field = *value;
        return true;
      });
}

Option Count(uint64_t Config::* field, Range<uint64_t> range, Head head) {
  std::string allowed = absl::StrCat("a whole number from ", range.min, " to ",
                                     range.max, range.Zero());
  return Make(
      std::move(head), "NUMBER", std::move(allowed), TomlType::kInteger,
      [field, range = std::move(range)](std::string_view text, Config& config) {
        const std::optional<uint64_t> value = ParseCount(text);
        if (!value.has_value() || !range.Contains(*value)) return false;
        config.*field = *value;
        return true;
      });
}

Option Flag(bool Config::* field, Head head) {
  head.default_text = "false";
  return Make(std::move(head), "", "true or false", TomlType::kBoolean,
              [field](std::string_view text, Config& config) {
                const std::optional<bool> value = ParseFlag(text);
                if (value.has_value()) config.*field = *value;
                return value.has_value();
              });
}

template <typename T>
using Choices = std::vector<std::pair<std::string, T>>;

template <typename T>
Option Choice(T Config::* field, Choices<T> choices, Head head) {
  const std::string allowed = absl::StrJoin(
      choices, ", ", [](std::string* out, const std::pair<std::string, T>& c) {
        absl::StrAppend(out, c.first);
      });
  return Make(std::move(head), "NAME", absl::StrCat("one of ", allowed),
              TomlType::kString,
              [field, choices = std::move(choices)](std::string_view text,
                                                    Config& config) {
                const auto it = std::find_if(
                    choices.begin(), choices.end(),
                    [text](const auto& c) { return c.first == text; });
                if (it != choices.end()) config.*field = it->second;
                return it != choices.end();
              });
}

void AddGeneral(std::vector<Option>& options) {
  const std::string group = "General";
  options.push_back(
      Path(&Config::data_dir, true,
           {.name = "data-dir",
            .group = group,
            .default_text = "./data",
            .help = "Directory of the event log; made if it is missing. One "
                    "process at a time may use it."}));
  options.push_back(
      Path(&Config::ports_file, false,
           {.name = "ports-file",
            .group = group,
            .default_text = "",
            .help = "Once the listeners are open, write their ports there as "
                    R"({"ingress":1,"grpc":2,"admin":3}, in one step.)"}));
  options.push_back(Duration(
      &Config::drain_timeout,
      {.min = absl::Milliseconds(100), .max = absl::Minutes(10), .zero = ""},
      {.name = "drain-timeout",
       .group = group,
       .default_text = "25s",
       .help = "Longest time from SIGTERM to the end of the process."}));
  options.push_back(Choice<LogLevel>(
      &Config::log_level,
      {{"debug", LogLevel::kDebug},
       {"info", LogLevel::kInfo},
       {"warning", LogLevel::kWarning},
       {"error", LogLevel::kError}},
      {.name = "log-level",
       .group = group,
       .default_text = "info",
       .help = "Print messages from this level on, to standard error."}));
  options.push_back(Choice<LogFormat>(
      &Config::log_format,
      {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
      {.name = "log-format",
       .group = group,
       .default_text = "text",
       .help =
           "json: an object a line; its fields are those of deploy/LOGS.md."}));
}

void AddIngress(std::vector<Option>& options) {
  const std::string group = "Ingress (webhooks over HTTP)";
  options.push_back(Listener(&Config::ingress_address,
                             {.name = "ingress-address",
                              .group = group,
                              .default_text = "127.0.0.1:8080",
                              .help = "Where webhooks are posted to."}));
  options.push_back(
      Path(&Config::ingress_token_file, false,
           {.name = "ingress-token-file",
            .group = group,
            .default_text = "",
            .help = "File with the tokens that senders must show, one a line, "
                    "as TOKEN or NAME TOKEN. Read again when it changes. "
                    "Without it none is asked for."}));
  options.push_back(
      Path(&Config::ingress_signing_secret_file, false,
           {.name = "ingress-signing-secret-file",
            .group = group,
            .default_text = "",
            .help = "File with the secrets of which one must have signed a "
                    "webhook, as Standard Webhooks has it, one a line, as "
                    "whsec_BASE64. Read again when it changes. Without it no "
                    "signature is asked for."}));
  options.push_back(
      Flag(&Config::insecure_ingress,
           {.name = "insecure-ingress",
            .group = group,
            .default_text = "",
            .help = "Allow an ingress address that is not loopback without "
                    "tokens or signing secrets: anyone who reaches it can "
                    "store events."}));
  options.push_back(Networks(
      &Config::ingress_sources,
      {.name = "ingress-sources",
       .group = group,
       .default_text = "",
       .help = "Networks that webhooks may come from, such as "
               "192.0.2.0/24,2001:db8::/32. Without it they may come from "
               "anywhere."}));
  options.push_back(Networks(
      &Config::ingress_trusted_proxies,
      {.name = "ingress-trusted-proxies",
       .group = group,
       .default_text = "",
       .help = "Networks of proxies in front of the ingress. What comes from "
               "one is taken to come from the right-most address of its "
               "X-Forwarded-For that is in none of these networks."}));
  options.push_back(Size(&Config::ingress_max_body_bytes,
                         {.min = kKiB, .max = kMiB, .zero = ""},
                         {.name = "ingress-max-body-bytes",
                          .group = group,
                          .default_text = "256KiB",
                          .help = "Largest body of a webhook."}));
  options.push_back(Duration(
      &Config::dedup_window,
      {.min = absl::Milliseconds(100), .max = absl::Hours(24) * 30, .zero = ""},
      {.name = "dedup-window",
       .group = group,
       .default_text = "10m",
       .help = "An identical webhook of a kind that can happen again is a "
               "duplicate within this time, and a new event after it."}));
}

void AddIngressTls(std::vector<Option>& options) {
  const std::string group = "Ingress (webhooks over HTTP)";
  options.push_back(
      Path(&Config::ingress_tls_cert_file, false,
           {.name = "ingress-tls-cert-file",
            .group = group,
            .default_text = "",
            .help = "PEM file with the certificate of the ingress and those "
                    "that lead to its CA. With it the ingress speaks TLS only. "
                    "Read again when it changes, as are the next two."}));
  options.push_back(Path(&Config::ingress_tls_key_file, false,
                         {.name = "ingress-tls-key-file",
                          .group = group,
                          .default_text = "",
                          .help = "PEM file with the certificate's key."}));
  options.push_back(
      Path(&Config::ingress_tls_client_ca_file, false,
           {.name = "ingress-tls-client-ca-file",
            .group = group,
            .default_text = "",
            .help = "PEM file with CAs. With it senders must show a "
                    "certificate of one of them."}));
}

void AddConnectionLimits(std::vector<Option>& options) {
  const std::string group = "Limits of the ingress";
  options.push_back(
      Count(&Config::ingress_connections_per_address_max,
            {.min = 1, .max = 1'000'000, .zero = "without limit"},
            {.name = "ingress-connections-per-address-max",
             .group = group,
             .default_text = "1000",
             .help = "Connections at once from one address, of IPv6 from one "
                     "/64; further ones get 429. 0: without limit."}));
  options.push_back(Duration(
      &Config::ingress_connection_age_max,
      {.min = absl::Milliseconds(100), .max = absl::Hours(24) * 7, .zero = ""},
      {.name = "ingress-connection-age-max",
       .group = group,
       .default_text = "1h",
       .help = "A connection is closed with the next answer when it has been "
               "open for this, or up to 20 % less."}));
}

void AddIngressLimits(std::vector<Option>& options) {
  const std::string group = "Limits of the ingress";
  options.push_back(Count(
      &Config::ingress_threads,
      {.min = 1, .max = 64, .zero = "one for each processor, but four at most"},
      {.name = "ingress-threads",
       .group = group,
       .default_text = "0",
       .help = "Threads that serve connections; 0: one for each processor, "
               "but four at most."}));
  options.push_back(
      Count(&Config::ingress_connections_max,
            {.min = 1, .max = 1'000'000, .zero = ""},
            {.name = "ingress-connections-max",
             .group = group,
             .default_text = "10000",
             .help = "Connections at once; further ones get 503."}));
  options.push_back(Duration(
      &Config::ingress_header_timeout,
      {.min = absl::Milliseconds(100), .max = absl::Minutes(10), .zero = ""},
      {.name = "ingress-header-timeout",
       .group = group,
       .default_text = "10s",
       .help = "Time for the head of a request, from its first byte."}));
  options.push_back(Duration(
      &Config::ingress_idle_timeout,
      {.min = absl::Milliseconds(100), .max = absl::Hours(1), .zero = ""},
      {.name = "ingress-idle-timeout",
       .group = group,
       .default_text = "60s",
       .help = "Time from one request on a connection to the next."}));
  options.push_back(Duration(
      &Config::ingress_body_grace,
      {.min = absl::Milliseconds(100), .max = absl::Minutes(10), .zero = ""},
      {.name = "ingress-body-grace",
       .group = group,
       .default_text = "10s",
       .help = "Time for the body of a request, besides one second for each "
               "--ingress-body-rate-min bytes that have arrived."}));
  options.push_back(
      Size(&Config::ingress_body_rate_min, {.min = 1, .max = kMiB, .zero = ""},
           {.name = "ingress-body-rate-min",
            .group = group,
            .default_text = "1KiB",
            .help = "Bytes a second at which a body must arrive."}));
}

void AddIngressRates(std::vector<Option>& options) {
  const std::string group = "Limits of the ingress";
  const Range<uint64_t> range = {
      .min = 1, .max = 1'000'000, .zero = "without limit"};
  options.push_back(
      Count(&Config::ingress_rate_max, range,
            {.name = "ingress-rate-max",
             .group = group,
             .default_text = "0",
             .help = "Webhooks a second, on average over ten seconds; further "
                     "ones get 429. 0: as many as the disk takes."}));
  options.push_back(
      Count(&Config::ingress_rate_per_address_max, range,
            {.name = "ingress-rate-per-address-max",
             .group = group,
             .default_text = "1000",
             .help = "The same for each address but loopback, of IPv6 for each "
                     "/64. 0: without limit."}));
  options.push_back(Count(
      &Config::ingress_wrong_tokens_per_address_max, range,
      {.name = "ingress-wrong-tokens-per-address-max",
       .group = group,
       .default_text = "10",
       .help = "Wrong tokens a second, on average over ten seconds, from each "
               "address but loopback from which no valid one has come within a "
               "day; what comes from there then gets 429. 0: without limit."}));
}

void AddLog(std::vector<Option>& options) {
  const std::string group = "Event log";
  options.push_back(Duration(
      &Config::retention_age,
      {.min = absl::Seconds(1),
       .max = absl::Hours(24) * 3650,
       .zero = "none is too old"},
      {.name = "retention-age",
       .group = group,
       .default_text = "30d",
       .help = "Remove events that are older than this; 0: none is too "
               "old."}));
  options.push_back(
      Size(&Config::retention_bytes,
           {.min = kKiB, .max = 64 * kTiB, .zero = "without limit"},
           {.name = "retention-bytes",
            .group = group,
            .default_text = "0",
            .help = "Remove the oldest events while all take more than this; "
                    "0: without limit."}));
}

void AddQuarantine(std::vector<Option>& options) {
  const std::string group = "Quarantine (webhooks that are no events)";
  options.push_back(
      Count(&Config::quarantine_max,
            {.min = 1, .max = 100'000, .zero = "none is kept"},
            {.name = "quarantine-max",
             .group = group,
             .default_text = "10000",
             .help = "Keep at most so many bodies; the oldest goes for a new "
                     "one. 0: none is kept."}));
  options.push_back(Size(&Config::quarantine_bytes_max,
                         {.min = kMiB, .max = kTiB, .zero = ""},
                         {.name = "quarantine-bytes-max",
                          .group = group,
                          .default_text = "64MiB",
                          .help = "Likewise, bytes of all bodies together."}));
  options.push_back(
      Duration(&Config::quarantine_age,
               {.min = absl::Seconds(1),
                .max = absl::Hours(24) * 3650,
                .zero = "none is too old"},
               {.name = "quarantine-age",
                .group = group,
                .default_text = "30d",
                .help = "Remove bodies that came first longer ago than this; "
                        "0: none is too old."}));
}

void AddLogLimits(std::vector<Option>& options) {
  const std::string group = "Limits of the event log";
  options.push_back(Size(&Config::disk_reserve_bytes,
                         {.min = 16 * kMiB, .max = kTiB, .zero = ""},
                         {.name = "disk-reserve-bytes",
                          .group = group,
                          .default_text = "256MiB",
                          .help = "Refuse webhooks, with 503, while the disk "
                                  "has less than this left."}));
  options.push_back(Size(
      &Config::log_cache_bytes, {.min = 8 * kMiB, .max = kTiB, .zero = ""},
      {.name = "log-cache-bytes",
       .group = group,
       .default_text = "64MiB",
       .help = "Memory for blocks read from the disk and for write buffers."}));
  options.push_back(Size(&Config::log_recent_bytes_max,
                         {.min = kMiB, .max = kTiB, .zero = ""},
                         {.name = "log-recent-bytes-max",
                          .group = group,
                          .default_text = "64MiB",
                          .help = "Memory for the newest events, which live "
                                  "streams are served from."}));
  options.push_back(Size(
      &Config::log_pending_bytes_max,
      {.min = kMiB, .max = 1024 * kMiB, .zero = ""},
      {.name = "log-pending-bytes-max",
       .group = group,
       .default_text = "64MiB",
       .help =
           "Memory for events that wait to be stored; further ones get 503."}));
}

void AddGrpc(std::vector<Option>& options) {
  const std::string group = "gRPC (subscribers)";
  options.push_back(Listener(&Config::grpc_address,
                             {.name = "grpc-address",
                              .group = group,
                              .default_text = "127.0.0.1:9090",
                              .help = "Where subscribers connect to."}));
  options.push_back(
      Flag(&Config::insecure_grpc,
           {.name = "insecure-grpc",
            .group = group,
            .default_text = "",
            .help = "Allow a gRPC address that is not loopback without TLS, or "
                    "without client certificates and tokens: anyone who "
                    "reaches it can read every event."}));
  options.push_back(
      Path(&Config::grpc_tls_cert_file, false,
           {.name = "grpc-tls-cert-file",
            .group = group,
            .default_text = "",
            .help = "Certificate of the gRPC port in PEM, followed by those "
                    "between it and its root. Read again when it changes."}));
  options.push_back(Path(&Config::grpc_tls_key_file, false,
                         {.name = "grpc-tls-key-file",
                          .group = group,
                          .default_text = "",
                          .help = "Private key of that certificate, in PEM."}));
  options.push_back(
      Path(&Config::grpc_tls_client_ca_file, false,
           {.name = "grpc-tls-client-ca-file",
            .group = group,
            .default_text = "",
            .help = "Certificates, in PEM, of those who certify clients. A "
                    "caller must show a certificate, or a token of "
                    "--grpc-token-file if that is given, too."}));
  options.push_back(Path(
      &Config::grpc_token_file, false,
      {.name = "grpc-token-file",
       .group = group,
       .default_text = "",
       .help = "Hashes of the tokens that callers may show, as 'envelopectl "
               "token create' prints them, one a line. Read again when it "
               "changes."}));
  options.push_back(
      Path(&Config::grpc_policy_file, false,
           {.name = "grpc-policy-file",
            .group = group,
            .default_text = "",
            .help = "TOML file with rules of who may do what; what no rule "
                    "allows is denied. Without it whoever is known may do "
                    "everything. Read again when it changes."}));
}

void AddGrpcLimits(std::vector<Option>& options) {
  const std::string group = "Limits of gRPC";
  options.push_back(Count(&Config::grpc_threads,
                          {.min = 1, .max = 64, .zero = ""},
                          {.name = "grpc-threads",
                           .group = group,
                           .default_text = "2",
                           .help = "Threads that read the log for streams."}));
  options.push_back(Count(
      &Config::streams_max, {.min = 1, .max = 1'000'000, .zero = ""},
      {.name = "streams-max",
       .group = group,
       .default_text = "20000",
       .help =
           "Subscribe calls at once; further ones get RESOURCE_EXHAUSTED."}));
  options.push_back(Count(
      &Config::streams_per_caller_max, {.min = 1, .max = 1'000'000, .zero = ""},
      {.name = "streams-per-caller-max",
       .group = group,
       .default_text = "1000",
       .help = "Subscribe calls at once of one caller that is known by a "
               "certificate or a token, and as many others that read."}));
  options.push_back(Count(
      &Config::unary_calls_max, {.min = 1, .max = 1'000'000, .zero = ""},
      {.name = "unary-calls-max",
       .group = group,
       .default_text = "10000",
       .help = "Other calls at once, those that wait for an event included."}));
}

void AddGrpcMemoryLimits(std::vector<Option>& options) {
  const std::string group = "Limits of gRPC";
  options.push_back(Count(
      &Config::subscriptions_max, {.min = 1, .max = 1'000'000, .zero = ""},
      {.name = "subscriptions-max",
       .group = group,
       .default_text = "10000",
       .help = "Durable subscriptions; a further one is refused."}));
  options.push_back(Count(
      &Config::subscription_unsettled_max,
      {.min = 1, .max = 10'000'000, .zero = ""},
      {.name = "subscription-unsettled-max",
       .group = group,
       .default_text = "250000",
       .help = "Events that one subscription has delivered and that are not "
               "settled; new ones wait beyond it."}));
  options.push_back(Count(
      &Config::subscription_dead_letters_max,
      {.min = 1, .max = 100'000'000, .zero = ""},
      {.name = "subscription-dead-letters-max",
       .group = group,
       .default_text = "100000",
       .help = "Dead letters of one subscription; events are delivered again "
               "instead beyond it."}));
  options.push_back(
      Size(&Config::filter_bytes_max, {.min = kMiB, .max = kTiB, .zero = ""},
           {.name = "filter-bytes-max",
            .group = group,
            .default_text = "256MiB",
            .help = "Memory for the filters of all calls, and as much "
                    "for those of all subscriptions."}));
  options.push_back(Duration(
      &Config::stream_max_age,
      {.min = absl::Seconds(1), .max = absl::Hours(24) * 30, .zero = ""},
      {.name = "stream-max-age",
       .group = group,
       .default_text = "30m",
       .help = "Streams end as planned after this, 20 % more or less."}));
  options.push_back(Duration(
      &Config::stream_stall_timeout,
      {.min = absl::Milliseconds(100), .max = absl::Hours(24), .zero = ""},
      {.name = "stream-stall-timeout",
       .group = group,
       .default_text = "15m",
       .help = "A stream whose client reads nothing for so long is ended."}));
}

void AddAdmin(std::vector<Option>& options) {
  const std::string group = "Admin";
  options.push_back(
      Listener(&Config::admin_address,
               {.name = "admin-address",
                .group = group,
                .default_text = "127.0.0.1:8081",
                .help = "Where /livez, /readyz, /metrics and /version are."}));
  options.push_back(
      Flag(&Config::insecure_admin,
           {.name = "insecure-admin",
            .group = group,
            .default_text = "",
            .help = "Allow an admin address that is not loopback without "
                    "client certificates: anyone who reaches it can read the "
                    "metrics."}));
  options.push_back(
      Path(&Config::admin_tls_cert_file, false,
           {.name = "admin-tls-cert-file",
            .group = group,
            .default_text = "",
            .help = "PEM file with the certificate of the admin port and those "
                    "that lead to its CA. With it the port speaks TLS only. "
                    "Read again when it changes, as are the next two."}));
  options.push_back(Path(&Config::admin_tls_key_file, false,
                         {.name = "admin-tls-key-file",
                          .group = group,
                          .default_text = "",
                          .help = "PEM file with the certificate's key."}));
  options.push_back(
      Path(&Config::admin_tls_client_ca_file, false,
           {.name = "admin-tls-client-ca-file",
            .group = group,
            .default_text = "",
            .help = "PEM file with CAs. With it probes and scrapers must show "
                    "a certificate of one of them."}));
}

std::vector<Option> MakeOptions() {
  std::vector<Option> options;
  AddGeneral(options);
  AddIngress(options);
  AddIngressTls(options);
  AddLog(options);
  AddQuarantine(options);
  AddGrpc(options);
  AddAdmin(options);
  AddIngressLimits(options);
  AddIngressRates(options);
  AddConnectionLimits(options);
  AddLogLimits(options);
  AddGrpcLimits(options);
  AddGrpcMemoryLimits(options);
  return options;
}

}  // namespace

std::string Option::Flag() const { return absl::StrCat("--", name); }

std::string Option::Environment() const {
  return absl::StrCat(
      std::string(kEnvironmentPrefix),
      absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
}

std::span<const Option> Options() {
  static const auto& options = *new std::vector<Option>(MakeOptions());
  return options;
}

const Option* FindOption(std::string_view name) {
  for (const Option& option : Options()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::string SuggestOption(std::string_view name) {
  // Long names are nobody's typing mistake; they would only cost time.
  constexpr size_t kNameMax = 64;
  constexpr size_t kDistanceMax = 4;
  size_t nearest_distance = kDistanceMax + 1;
  const Option* nearest = nullptr;
  if (name.size() <= kNameMax) {
    for (const Option& option : Options()) {
      const size_t distance = EditDistance(name, option.name);
      if (distance >= nearest_distance) continue;
      nearest_distance = distance;
      nearest = &option;
    }
  }
  if (nearest == nullptr) return "--help lists those that there are";
  return absl::StrCat("did you mean '", nearest->name, "'?");
}

}  // namespace enveloperelay
