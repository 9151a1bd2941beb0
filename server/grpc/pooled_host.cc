#include "server/grpc/pooled_host.h"

#include <functional>
#include <memory>
#include <utility>

#include "server/base/mutex.h"
#include "server/grpc/pooled_call.h"
#include "server/subscriptions/subscription.h"

namespace enveloperelay {

class PooledHost::Hosted final : public PooledCall {
 public:
  Hosted(CallPool& pool, std::shared_ptr<Subscription> subscription)
      : PooledCall(pool), subscription_(std::move(subscription)) {}

  void Begin(std::function<void()> on_expired) {
    subscription_->Host(*this, std::move(on_expired));
  }
  void Leave() {
    subscription_->Close();
    Post([this] { StopSteps(); });
  }

 private:
  void DoStep() override { subscription_->Step(); }
  void DoDrain() override {}

  const std::shared_ptr<Subscription> subscription_;
};

void PooledHost::Add(std::shared_ptr<Subscription> subscription,
                     std::function<void()> on_expired) {
  const Subscription* key = subscription.get();
  const auto hosted = std::make_shared<Hosted>(pool_, std::move(subscription));
  {
    const MutexLock lock(mutex_);
    hosted_.emplace(key, hosted);
  }
  hosted->Begin(std::move(on_expired));
}

void PooledHost::Release(const Subscription& subscription) {
  std::shared_ptr<Hosted> hosted;
  {
    const MutexLock lock(mutex_);
    const auto found = hosted_.find(&subscription);
    if (found == hosted_.end()) return;
    hosted = std::move(found->second);
    hosted_.erase(found);
  }
  hosted->Leave();
}

}  // namespace enveloperelay
