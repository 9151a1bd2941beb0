#include "server/ingress/metrics.h"

#include <cstddef>
#include <string>

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

}  // namespace

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
                       .Add({})) {
  for (size_t i = 0; i < refused_.size(); ++i) {
    const auto reason = static_cast<Reason>(i);
    refused_.at(i) =
        &requests.Add({{"status", std::to_string(StatusOf(reason))},
                       {"reason", std::string(NameOf(reason))}});
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
