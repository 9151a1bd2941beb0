#include "server/subscriptions/subscriptions.h"

#include <spdlog/spdlog.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"
#include "server/stream/errors.h"
#include "server/stream/reader.h"
#include "server/subscriptions/settings.h"
#include "server/subscriptions/state.h"
#include "server/subscriptions/subscription.h"

namespace enveloperelay {

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
  if (damaged.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the settings of subscription ",
                                          damaged, " cannot be read"));
}

void Subscriptions::Close() {
  const MutexLock lock(mutex_);
  for (const auto& [name, subscription] : by_name_) {
    host_.Release(*subscription);
  }
  by_name_.clear();
}

void Subscriptions::Add(const std::string& name,
                        std::shared_ptr<Subscription> subscription) {
  by_name_.emplace(name, subscription);
  std::weak_ptr<Subscription> weak = subscription;
  host_.Add(std::move(subscription), [this, name, weak] {
    const auto found = Find(name);
    // Another one may have the name by now.
    if (!found.ok() || *found != weak.lock()) return;
    spdlog::info("subscription {} was not used for too long: deleted", name);
    Delete(name, /*etag=*/"", [name](const absl::StatusOr<bool>& deleted) {
      if (!deleted.ok()) {
        spdlog::error("subscription {} cannot be deleted: {}", name,
                      deleted.status().ToString());
      }
    }).IgnoreError();
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
  if (by_name_.size() >= subscriptions_max_) {
    return SubscriptionLimitError(subscriptions_max_);
  }
  auto subscription =
      std::make_shared<Subscription>(env_, std::move(settings), start);
  Add(name, subscription);
  return subscription;
}

absl::Status Subscriptions::Delete(const std::string& name,
                                   const std::string& etag,
                                   Subscription::Done<bool> done) {
  const MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return SubscriptionNotFoundError(name);
  // Under the lock, so that one created after it is written after it.
  if (!found->second->Delete(etag, std::move(done))) return EtagMismatchError();
  host_.Release(*found->second);
  by_name_.erase(found);
  return absl::OkStatus();
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
