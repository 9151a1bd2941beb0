#include "server/ingress/rate_limit.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/network.h"

namespace enveloperelay {
namespace {

namespace ip = boost::asio::ip;

constexpr int64_t kSecond = 1'000'000'000;
const int64_t kBurst = absl::ToInt64Nanoseconds(kRateBurst);
const int64_t kKnownAge = absl::ToInt64Nanoseconds(kKnownSenderAge);
// A shard that is full is not looked through for every stranger.
constexpr int64_t kSweepInterval = kSecond;

bool IsLoopback(const ip::address& address) {
  return Unmapped(address).is_loopback();
}

// One that would be full later than an empty bucket is from before the clock
// was set back; it must not be kept until the clock has caught up.
bool IsFull(int64_t full_at, int64_t now) {
  return full_at <= now || full_at > now + kBurst;
}

}  // namespace

RateLimit::Rate::Rate(uint64_t a_second_max)
    : interval_(a_second_max == 0
                    ? 0
                    : kSecond / static_cast<int64_t>(a_second_max)) {}

bool RateLimit::Rate::HasOne(int64_t& full_at, int64_t now) const {
  if (!limited()) return true;
  full_at = std::clamp(full_at, now, now + kBurst);
  return full_at + interval_ <= now + kBurst;
}

bool RateLimit::Rate::TakeOne(int64_t& full_at, int64_t now) const {
  if (!HasOne(full_at, now)) return false;
  full_at += interval_;
  return true;
}

RateLimit::RateLimit(const Options& options, const Clock& clock)
    : requests_(options.requests_max),
      requests_per_address_(options.requests_per_address_max),
      guesses_per_address_(options.guesses_per_address_max),
      shard_addresses_max_(options.addresses_max / kShards),
      clock_(clock) {
  RELAY_CHECK(shard_addresses_max_ > 0);
}

bool RateLimit::MayGuess(const ip::address& address) {
  if (!guesses_per_address_.limited() || IsLoopback(address)) return true;
  const AddressKey key = AddressKeyOf(address);
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  Shard& shard = ShardOf(key);
  const MutexLock lock(shard.mutex);
  const auto found = shard.buckets.find(key);
  if (found == shard.buckets.end() &&
      shard.buckets.size() < shard_addresses_max_) {
    return true;
  }
  Buckets& buckets =
      found == shard.buckets.end() ? shard.others : found->second;
  return now - buckets.valid_token_at < kKnownAge ||
         guesses_per_address_.HasOne(buckets.guesses_full_at, now);
}

void RateLimit::GuessedWrong(const ip::address& address) {
  if (!guesses_per_address_.limited() || IsLoopback(address)) return;
  const AddressKey key = AddressKeyOf(address);
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  Shard& shard = ShardOf(key);
  const MutexLock lock(shard.mutex);
  guesses_per_address_.TakeOne(Find(shard, key, now).guesses_full_at, now);
}

void RateLimit::GuessedRight(const ip::address& address) {
  if (!guesses_per_address_.limited() || IsLoopback(address)) return;
  const AddressKey key = AddressKeyOf(address);
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  Shard& shard = ShardOf(key);
  const MutexLock lock(shard.mutex);
  Buckets* buckets = &Find(shard, key, now);
  if (buckets == &shard.others) {
    // Whoever it is that has to go, a sender is worth more.
    shard.buckets.erase(shard.buckets.begin());
    buckets = &shard.buckets[key];
  }
  buckets->valid_token_at = now;
}

RateLimit::Verdict RateLimit::Take(const ip::address& address) {
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  if (!requests_per_address_.limited() || IsLoopback(address)) {
    return TakeFromAll(now) ? Verdict::kPass : Verdict::kTooMany;
  }
  const AddressKey key = AddressKeyOf(address);
  Shard& shard = ShardOf(key);
  const MutexLock lock(shard.mutex);
  int64_t& full_at = Find(shard, key, now).requests_full_at;
  if (!requests_per_address_.HasOne(full_at, now)) {
    return Verdict::kTooManyFromAddress;
  }
  if (!TakeFromAll(now)) return Verdict::kTooMany;
  requests_per_address_.TakeOne(full_at, now);
  return Verdict::kPass;
}

size_t RateLimit::addresses_count() const {
  size_t count = 0;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    count += shard.buckets.size();
  }
  return count;
}

RateLimit::Shard& RateLimit::ShardOf(const AddressKey& key) {
  // Not the bits that the map of the shard goes by.
  return shards_.at((absl::Hash<AddressKey>()(key) >> 32U) % kShards);
}

RateLimit::Buckets& RateLimit::Find(Shard& shard, const AddressKey& key,
                                    int64_t now) const {
  const auto found = shard.buckets.find(key);
  if (found != shard.buckets.end()) return found->second;
  if (shard.buckets.size() >= shard_addresses_max_) Sweep(shard, now);
  if (shard.buckets.size() >= shard_addresses_max_) return shard.others;
  return shard.buckets[key];
}

void RateLimit::Sweep(Shard& shard, int64_t now) {
  const int64_t since = now - shard.swept_at;
  if (since >= 0 && since < kSweepInterval) return;
  shard.swept_at = now;
  absl::erase_if(shard.buckets, [now](const auto& entry) {
    const Buckets& buckets = entry.second;
    return IsFull(buckets.requests_full_at, now) &&
           IsFull(buckets.guesses_full_at, now) &&
           now - buckets.valid_token_at >= kKnownAge;
  });
}

bool RateLimit::TakeFromAll(int64_t now) {
  if (!requests_.limited()) return true;
  int64_t seen = all_full_at_.load(std::memory_order_relaxed);
  while (true) {
    int64_t full_at = seen;
    const bool taken = requests_.TakeOne(full_at, now);
    if (full_at == seen || all_full_at_.compare_exchange_weak(
                               seen, full_at, std::memory_order_relaxed)) {
      return taken;
    }
  }
}

}  // namespace enveloperelay
