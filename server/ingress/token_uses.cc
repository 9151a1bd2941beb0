#include "server/ingress/token_uses.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/mutex.h"

namespace enveloperelay {

TokenUses::TokenUses(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("envelope_relay_ingress_token_requests_total")
                    .Help("Requests that came with a valid token, by its name.")
                    .Register(registry)),
      last_used_(
          prometheus::BuildGauge()
              .Name("envelope_relay_ingress_token_last_used_timestamp_seconds")
              .Help("When the last request with a token came, by its name; 0: "
                    "none has come.")
              .Register(registry)) {}

TokenUses::Use::Use(TokenUses& uses, std::string name)
    : uses_(uses), name_(std::move(name)) {
  const MutexLock lock(uses_.mutex_);
  Series& series = uses_.series_[name_];
  if (series.holders == 0) {
    series.requests = &uses_.requests_.Add({{"token", name_}});
    series.last_used = &uses_.last_used_.Add({{"token", name_}});
  }
  ++series.holders;
  requests_ = series.requests;
  last_used_ = series.last_used;
  // Whatever another token of this name was used for.
  last_used_->Set(0);
}

TokenUses::Use::~Use() {
  const MutexLock lock(uses_.mutex_);
  const auto series = uses_.series_.find(name_);
  if (--series->second.holders > 0) return;
  uses_.requests_.Remove(requests_);
  uses_.last_used_.Remove(last_used_);
  uses_.series_.erase(series);
}

bool TokenUses::Use::Count(absl::Time now) {
  requests_->Increment();
  last_used_->Set(static_cast<double>(absl::ToUnixSeconds(now)));
  return !used_.load(std::memory_order_relaxed) && !used_.exchange(true);
}

}  // namespace enveloperelay
