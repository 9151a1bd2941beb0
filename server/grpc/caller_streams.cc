#include "server/grpc/caller_streams.h"

#include <cstddef>
#include <string>

#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/check.h"

namespace enveloperelay {

CallerStreams::CallerStreams(prometheus::Registry& registry)
    : gauges_(prometheus::BuildGauge()
                  .Name("envelope_relay_caller_streams")
                  .Help("Subscribe calls that are open, by who called.")
                  .Register(registry)),
      others_(gauges_.Add({{"principal", "other"}})) {}

size_t CallerStreams::Count(const std::string& principal) const {
  const auto found = callers_.find(principal);
  return found == callers_.end() ? 0 : found->second.streams;
}

void CallerStreams::Add(const std::string& principal) {
  Caller& caller = callers_[principal];
  if (caller.streams++ == 0 && labels_ < kLabelsMax) {
    caller.gauge = &gauges_.Add({{"principal", principal}});
    ++labels_;
  }
  (caller.gauge == nullptr ? others_ : *caller.gauge).Increment();
}

void CallerStreams::Remove(const std::string& principal) {
  const auto found = callers_.find(principal);
  RELAY_CHECK(found != callers_.end());
  Caller& caller = found->second;
  (caller.gauge == nullptr ? others_ : *caller.gauge).Decrement();
  if (--caller.streams > 0) return;
  if (caller.gauge != nullptr) {
    gauges_.Remove(caller.gauge);
    --labels_;
  }
  callers_.erase(found);
}

}  // namespace enveloperelay
