#include "server/ingress/metrics.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/metrics.h"
#include "server/http/problem.h"
#include "server/signplus/first_seen.h"

namespace enveloperelay {
namespace {

prometheus::Family<prometheus::Counter>& Requests(
    prometheus::Registry& registry) {
  return prometheus::BuildCounter()
      .Name("envelope_relay_ingress_requests_total")
      .Help("Webhook requests answered, by status and reason.")
      .Register(registry);
}

// In the order of the enumeration.
constexpr std::array<std::string_view, static_cast<size_t>(kDenialLast) + 1>
    kCauses = {"source",    "token",   "signature_fields",
               "signature", "guesses", "address_rate",
               "rate"};

// "ENVELOPE_COMPLETED".
std::string NameOf(v1::EventType type) {
  constexpr size_t kPrefix = std::char_traits<char>::length("EVENT_TYPE_");
  return v1::EventType_Name(type).substr(kPrefix);
}

}  // namespace

std::string_view CauseOf(Denial denial) {
  return kCauses.at(static_cast<size_t>(denial));
}

IngressMetrics::IngressMetrics(prometheus::Registry& registry)
    : IngressMetrics(Requests(registry), registry) {}

IngressMetrics::IngressMetrics(Counters& requests,
                               prometheus::Registry& registry)
    : stored_(requests.Add({{"status", "200"}, {"reason", "STORED"}})),
      duplicate_(requests.Add({{"status", "200"}, {"reason", "DUPLICATE"}})),
      connections_(AddGauge(registry, "envelope_relay_ingress_connections",
                            "Connections to the ingress that are open.")),
      handshakes_failed_(AddCounter(
          registry, "envelope_relay_ingress_tls_handshakes_failed_total",
          "Connections to the ingress without an agreement on TLS.")),
      ack_duration_(AddHistogram(
          registry, "envelope_relay_ingress_ack_duration_seconds",
          "Time from the head of a webhook having been read to its answer of "
          "200 having been handed to the socket.",
          {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2,
           5, 10, 30})),
      body_bytes_(
          AddCounter(registry, "envelope_relay_ingress_body_bytes_total",
                     "Bytes of the bodies of webhooks that were let in.")) {
  for (size_t i = 0; i < refused_.size(); ++i) {
    const auto reason = static_cast<Reason>(i);
    refused_.at(i) =
        &requests.Add({{"status", std::to_string(StatusOf(reason))},
                       {"reason", std::string(NameOf(reason))}});
  }
  Counters& denied =
      prometheus::BuildCounter()
          .Name("envelope_relay_ingress_denied_total")
          .Help("Requests that were not let in, by what was wrong with them.")
          .Register(registry);
  for (size_t i = 0; i < denied_.size(); ++i) {
    denied_.at(i) = &denied.Add({{"cause", std::string(kCauses.at(i))}});
  }
  prometheus::Family<prometheus::Gauge>& last_event =
      prometheus::BuildGauge()
          .Name("envelope_relay_ingress_last_event_timestamp_seconds")
          .Help(
              "When the newest event of a type came, but for duplicates; 0: "
              "none has come since the start.")
          .Register(registry);
  for (size_t i = 0; i < last_event_.size(); ++i) {
    last_event_.at(i) =
        &last_event.Add({{"type", NameOf(static_cast<v1::EventType>(i))}});
  }
  prometheus::Family<prometheus::Counter>& unknown_names =
      prometheus::BuildCounter()
          .Name("envelope_relay_ingress_unknown_names_total")
          .Help(
              "Names in webhooks that this version does not know, each "
              "counted when it was there for the first time since the start.")
          .Register(registry);
  for (size_t i = 0; i < unknown_names_.size(); ++i) {
    unknown_names_.at(i) = &unknown_names.Add(
        {{"kind", std::string(ToString(static_cast<NameKind>(i)))}});
  }
}

void IngressMetrics::Stored(v1::EventType type, absl::Time now) {
  stored_.Increment();
  last_event_.at(static_cast<size_t>(type))->Set(ToUnixSecondsOrZero(now));
}

void IngressMetrics::Acknowledged(std::chrono::nanoseconds took) {
  ack_duration_.Observe(std::chrono::duration<double>(took).count());
}

}  // namespace enveloperelay
