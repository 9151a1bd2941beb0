#include "server/subscriptions/subscriptions.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"
#include "server/stream/errors.h"
#include "server/stream/reader.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"
#include "server/subscriptions/subscription.h"

namespace enveloperelay {

// Ends when the subscription is gone from the store and from by_name_,
// whichever comes first. Thread-safe.
class Subscriptions::Deletion {
 public:
  Deletion(std::shared_ptr<Deleting> deleting, std::string name)
      : deleting_(std::move(deleting)), name_(std::move(name)) {
    const MutexLock lock(deleting_->mutex);
    deleting_->names.insert(name_);
  }

  void Cancel() {
    const MutexLock lock(deleting_->mutex);
    deleting_->names.extract(name_);
  }
  void Written(absl::StatusOr<bool> result) {
    End([&] { result_ = std::move(result); });
  }
  void Forgotten(Subscription::Done<bool> done) {
    End([&] { done_ = std::move(done); });
  }

 private:
  void End(absl::FunctionRef<void()> set) {
    {
      const MutexLock lock(deleting_->mutex);
      set();
      if (!result_.has_value() || done_ == nullptr) return;
      deleting_->names.extract(name_);
    }
    std::move(done_)(*std::move(result_));
  }

  const std::shared_ptr<Deleting> deleting_;
  const std::string name_;
  // Guarded by the mutex of deleting_.
  std::optional<absl::StatusOr<bool>> result_;
  Subscription::Done<bool> done_;
};

absl::Status Subscriptions::Load() {
  const KeyRange range = KeysOf(StateKind::kSettings);
  std::vector<internal::StoredSubscription> all;
  std::string damaged;
  const absl::Status scanned = env_.store.Scan(
      StateTable::kSubscriptions, range.begin, range.end,
      [&](std::string_view key, std::string_view value) {
        internal::StoredSubscription& stored = all.emplace_back();
        if (!stored.ParseFromArray(value.data(),
                                   static_cast<int>(value.size()))) {
          damaged = std::string(NameOf(key));
        }
        return damaged.empty();
      });
  if (!scanned.ok()) return scanned;
  {
    const MutexLock lock(mutex_);
    for (internal::StoredSubscription& stored : all) {
      absl::StatusOr<SubscriptionSettings> settings =
          CheckSettings(stored.settings(), "");
      if (!settings.ok()) damaged = stored.settings().name();
      if (!damaged.empty()) break;
      const std::string name = settings->proto.name();
      Add(name, std::make_shared<Subscription>(env_, std::move(stored),
                                               *std::move(settings)));
    }
  }
  if (!damaged.empty()) {
    return absl::DataLossError(absl::StrCat("the settings of subscription ",
                                            damaged, " cannot be read"));
  }
  CatchUpAfter("");
  return absl::OkStatus();
}

void Subscriptions::CatchUpAfter(std::string name) {
  for (;;) {
    std::shared_ptr<Subscription> next;
    {
      const MutexLock lock(mutex_);
      const auto found = by_name_.upper_bound(name);
      if (found == by_name_.end()) return;
      name = found->first;
      next = found->second;
    }
    if (next->CatchUp([this, name] { CatchUpAfter(name); })) return;
  }
}

void Subscriptions::Close() {
  decltype(by_name_) released;
  {
    const MutexLock lock(mutex_);
    released.swap(by_name_);
  }
  for (const auto& [name, subscription] : released) {
    host_.Release(*subscription);
  }
}

void Subscriptions::Add(const std::string& name,
                        std::shared_ptr<Subscription> subscription) {
  by_name_.emplace(name, subscription);
  const std::weak_ptr<Subscription> weak = subscription;
  host_.Add(std::move(subscription), [this, name, weak] {
    const std::shared_ptr<Subscription> expired = weak.lock();
    if (expired == nullptr) return;
    const absl::Status deleted =
        DeleteOne(expired, name, /*etag=*/"", /*if_expired=*/true,
                  [name](const absl::StatusOr<bool>& done) {
                    if (done.ok()) return;
                    LogError("subscription cannot be deleted",
                             {{LogKey::kSubscription, name},
                              {LogKey::kDetail, done.status().ToString()}});
                  });
    if (!deleted.ok()) return;  // deleted already, or used again
    LogInfo("subscription deleted: it was not used for too long",
            {{LogKey::kSubscription, name}});
  });
}

absl::StatusOr<std::shared_ptr<Subscription>> Subscriptions::Find(
    std::string_view name) const {
  const MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return SubscriptionNotFoundError(name);
  return found->second;
}

absl::StatusOr<std::shared_ptr<Subscription>> Subscriptions::Create(
    SubscriptionSettings settings, const LogStart& start) {
  const std::string name = settings.proto.name();
  const MutexLock lock(mutex_);
  if (by_name_.contains(name)) return SubscriptionExistsError(name);
  if (IsBeingDeleted(name)) {
    return FromLog(absl::UnavailableError(
        "a subscription of this name is just being deleted"));
  }
  if (by_name_.size() >= subscriptions_max_) {
    return SubscriptionLimitError(subscriptions_max_);
  }
  if (!env_.filters.Replace(0, settings.filter->memory_bytes())) {
    return FilterLimitError(env_.filters.bytes_max());
  }
  auto subscription =
      std::make_shared<Subscription>(env_, std::move(settings), start);
  Add(name, subscription);
  return subscription;
}

absl::Status Subscriptions::Delete(const std::string& name,
                                   const std::string& etag,
                                   Subscription::Done<bool> done) {
  absl::StatusOr<std::shared_ptr<Subscription>> found = Find(name);
  if (!found.ok()) return found.status();
  return DeleteOne(*found, name, etag, /*if_expired=*/false, std::move(done));
}

// The name is free again when what was stored under it is gone, and only then
// `done` is called.
absl::Status Subscriptions::DeleteOne(
    const std::shared_ptr<Subscription>& subscription, const std::string& name,
    const std::string& etag, bool if_expired, Subscription::Done<bool> done) {
  const auto deletion = std::make_shared<Deletion>(deleting_, name);
  absl::Status status = subscription->Delete(
      etag, if_expired, [deletion](absl::StatusOr<bool> deleted) {
        deletion->Written(std::move(deleted));
      });
  if (!status.ok()) {
    deletion->Cancel();
    return status;
  }
  bool forgotten = false;
  {
    const MutexLock lock(mutex_);
    const auto found = by_name_.find(name);
    forgotten = found != by_name_.end() && found->second == subscription;
    if (forgotten) by_name_.erase(found);
  }
  // May wait for a step that reads the disk.
  if (forgotten) host_.Release(*subscription);
  deletion->Forgotten(std::move(done));
  return status;
}

bool Subscriptions::IsBeingDeleted(const std::string& name) const {
  const MutexLock lock(deleting_->mutex);
  return deleting_->names.contains(name);
}

std::vector<std::pair<std::string, std::shared_ptr<Subscription>>>
Subscriptions::List(
    const std::string& after, size_t max,
    absl::FunctionRef<bool(const std::string& name)> shown) const {
  std::vector<std::pair<std::string, std::shared_ptr<Subscription>>> list;
  const MutexLock lock(mutex_);
  for (auto it = by_name_.upper_bound(after);
       it != by_name_.end() && list.size() < max; ++it) {
    if (shown(it->first)) list.emplace_back(it->first, it->second);
  }
  return list;
}

}  // namespace enveloperelay
