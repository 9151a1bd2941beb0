#include "server/quarantine/metrics.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "enveloperelay/v1/quarantine.pb.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/metrics.h"

namespace enveloperelay {
namespace {

prometheus::Family<prometheus::Counter>& AddCounters(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

// As the ingress calls it: "MALFORMED_JSON".
std::string NameOf(v1::QuarantineReason reason) {
  constexpr size_t kPrefix =
      std::char_traits<char>::length("QUARANTINE_REASON_");
  return v1::QuarantineReason_Name(reason).substr(kPrefix);
}

}  // namespace

QuarantineMetrics::Counters QuarantineMetrics::ByReason(
    prometheus::Family<prometheus::Counter>& family) {
  Counters counters{};
  for (size_t i = 0; i < counters.size(); ++i) {
    counters.at(i) = &family.Add(
        {{"reason", NameOf(static_cast<v1::QuarantineReason>(i + 1))}});
  }
  return counters;
}

QuarantineMetrics::QuarantineMetrics(prometheus::Registry& registry)
    : bodies_(AddGauge(registry, "envelope_relay_quarantine_bodies",
                       "Bodies in quarantine.")),
      bytes_(AddGauge(registry, "envelope_relay_quarantine_bytes",
                      "Bytes of the bodies in quarantine.")),
      kept_(ByReason(AddCounters(
          registry, "envelope_relay_quarantine_kept_total",
          "Bodies put into quarantine, by what was wrong with them."))),
      repeated_(ByReason(AddCounters(
          registry, "envelope_relay_quarantine_repeated_total",
          "Bodies that came again while they were in quarantine."))),
      failed_(AddCounter(registry, "envelope_relay_quarantine_failed_total",
                         "Bodies that could not be kept; their senders got "
                         "503.")) {
  prometheus::Family<prometheus::Counter>& removed =
      AddCounters(registry, "envelope_relay_quarantine_removed_total",
                  "Bodies that have left the quarantine: to make room (count, "
                  "bytes), by age, stored as events, deleted.");
  constexpr std::array<const char*, 5> kCauses = {"count", "bytes", "age",
                                                  "stored", "deleted"};
  for (size_t i = 0; i < removed_.size(); ++i) {
    removed_.at(i) = &removed.Add({{"cause", kCauses.at(i)}});
  }
}

void QuarantineMetrics::SetKept(size_t bodies, uint64_t bytes) {
  bodies_.Set(static_cast<double>(bodies));
  bytes_.Set(static_cast<double>(bytes));
}

}  // namespace enveloperelay
