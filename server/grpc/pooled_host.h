#ifndef ENVELOPE_RELAY_SERVER_GRPC_POOLED_HOST_H_
#define ENVELOPE_RELAY_SERVER_GRPC_POOLED_HOST_H_

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/base/mutex.h"
#include "server/grpc/pooled_call.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {

// Steps subscriptions on the threads that run the calls. Thread-safe.
class PooledHost final : public SubscriptionHost {
 public:
  // `pool` outlives it.
  explicit PooledHost(CallPool& pool) : pool_(pool) {}

  void Add(std::shared_ptr<Subscription> subscription,
           std::function<void()> on_expired) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(const Subscription& subscription) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Hosted;

  CallPool& pool_;
  Mutex mutex_;
  absl::flat_hash_map<const Subscription*, std::shared_ptr<Hosted>> hosted_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_POOLED_HOST_H_
