#include "server/ingress/metrics.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
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
      connections_(prometheus::BuildGauge()
                       .Name("envelope_relay_ingress_connections")
                       .Help("Connections to the ingress that are open.")
                       .Register(registry)
                       .Add({})),
      handshakes_failed_(
          prometheus::BuildCounter()
              .Name("envelope_relay_ingress_tls_handshakes_failed_total")
              .Help("Connections to the ingress without an agreement on TLS.")
              .Register(registry)
              .Add({})) {
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

}  // namespace enveloperelay
