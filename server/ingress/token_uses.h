#ifndef ENVELOPE_RELAY_SERVER_INGRESS_TOKEN_USES_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_TOKEN_USES_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// Which tokens are in use, by name, so that an operator knows when an old one
// may go:
//   envelope_relay_ingress_token_requests_total{token}: requests that came with
//     it, whatever they were answered.
//   envelope_relay_ingress_token_last_used_timestamp_seconds{token}: when the
//     last of them came; 0: none has come since the relay has had the token.
// A name's series are there as long as somebody holds its Use. Thread-safe.
class TokenUses {
 public:
  // `registry` must outlive this and every Use.
  explicit TokenUses(prometheus::Registry& registry);

  // Counts the requests of one token.
  class Use {
   public:
    Use(TokenUses& uses, std::string name);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    // True for the first request of this token.
    bool Count(absl::Time now);

   private:
    TokenUses& uses_;
    const std::string name_;
    prometheus::Counter* requests_ = nullptr;
    prometheus::Gauge* last_used_ = nullptr;
    std::atomic<bool> used_ = false;
  };

 private:
  struct Series {
    prometheus::Counter* requests = nullptr;
    prometheus::Gauge* last_used = nullptr;
    int holders = 0;
  };

  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Gauge>& last_used_;
  Mutex mutex_;
  std::map<std::string, Series> series_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_TOKEN_USES_H_
