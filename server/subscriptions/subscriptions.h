#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"
#include "server/stream/reader.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/subscription.h"

namespace enveloperelay {

// Has subscriptions stepped. Thread-safe.
class SubscriptionHost {
 public:
  virtual ~SubscriptionHost() = default;
  // Calls `subscription`'s Host() with what steps it until Release().
  virtual void Add(std::shared_ptr<Subscription> subscription,
                   std::function<void()> on_expired) = 0;
  // Closes it, and steps it no more.
  virtual void Release(const Subscription& subscription) = 0;
};

// All durable subscriptions, by name. Thread-safe; may block on the disk.
class Subscriptions {
 public:
  // `environment`'s parts and `host` outlive it. At most `subscriptions_max`.
  Subscriptions(Subscription::Environment environment, size_t subscriptions_max,
                SubscriptionHost& host)
      : env_(std::move(environment)),
        subscriptions_max_(subscriptions_max),
        host_(host) {}

  // Reads which there are: to be called first, once. The rest of each is
  // read in the background, one after the other.
  // Errors: kDataLoss, kUnavailable.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mutex_);
  // Steps none any more.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // Errors: SUBSCRIPTION_NOT_FOUND.
  absl::StatusOr<std::shared_ptr<Subscription>> Find(
      std::string_view name) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors: SUBSCRIPTION_EXISTS, SUBSCRIPTION_LIMIT, SERVER_UNAVAILABLE (one of
  // this name is just being deleted).
  absl::StatusOr<std::shared_ptr<Subscription>> Create(
      SubscriptionSettings settings, const LogStart& start)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls `done` when it is gone durably.
  // Errors: SUBSCRIPTION_NOT_FOUND, ETAG_MISMATCH; `done` is not called then.
  absl::Status Delete(const std::string& name, const std::string& etag,
                      Subscription::Done<bool> done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Up to `max` of those that `shown` allows, after `after`, by name.
  std::vector<std::pair<std::string, std::shared_ptr<Subscription>>> List(
      const std::string& after, size_t max,
      absl::FunctionRef<bool(const std::string& name)> shown) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  LogBounds log_bounds() const { return env_.log.Bounds(); }

 private:
  // Names whose deletion is under way. Shared with the thread of the store,
  // which must not wait for mutex_ and may come late.
  struct Deleting {
    Mutex mutex;
    std::multiset<std::string> names ABSL_GUARDED_BY(mutex);
  };
  class Deletion;

  absl::Status DeleteOne(const std::shared_ptr<Subscription>& subscription,
                         const std::string& name, const std::string& etag,
                         bool if_expired, Subscription::Done<bool> done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsBeingDeleted(const std::string& name) const;
  void Add(const std::string& name, std::shared_ptr<Subscription> subscription)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Has those after `name` catch up, the next when one has, so that the steps
  // of calls come in between.
  void CatchUpAfter(std::string name) ABSL_LOCKS_EXCLUDED(mutex_);

  const Subscription::Environment env_;
  const size_t subscriptions_max_;
  SubscriptionHost& host_;
  // Held for look-ups and changes of the map, never while a subscription's own
  // mutex may have to be waited for: scrapes take it.
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Subscription>, std::less<>> by_name_
      ABSL_GUARDED_BY(mutex_);

  const std::shared_ptr<Deleting> deleting_ = std::make_shared<Deleting>();
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
