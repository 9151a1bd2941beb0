#ifndef ENVELOPE_RELAY_SERVER_INGRESS_RATE_LIMIT_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_RATE_LIMIT_H_

#include <array>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/network.h"

namespace enveloperelay {

// A full bucket lasts for so long: a limit of 10 a second lets 100 pass at
// once, and then 10 a second.
inline constexpr absl::Duration kRateBurst = absl::Seconds(10);
// An address from which a valid token has come is remembered for so long.
inline constexpr absl::Duration kKnownSenderAge = absl::Hours(24);

// How many requests are let through, in all and from each address, and how many
// tokens an address may guess: token buckets. Addresses with one AddressKey
// count as one; loopback addresses are limited in all only, since what comes
// from there is the machine's own.
//
// Guesses have a bucket of their own, so that a stranger's wrong tokens use up
// nothing of what a sender behind the same address may post. When it is empty
// no token from there is looked at, a right one neither: otherwise the limit
// would not limit guessing. But an address from which a valid token has come is
// exempt, so that nobody can shut out a sender that shares an address with it.
//
// Remembers a bounded number of addresses. When there is no room, those go that
// have full buckets and no valid token of late. If there is none, further ones
// share buckets (a pair in each shard), but one with a valid token takes the
// place of another.
//
// Thread-safe; what threads share is split by address.
class RateLimit {
 public:
  struct Options {
    // A second; 0: no limit. At most 1,000,000.
    uint64_t requests_max = 0;
    uint64_t requests_per_address_max = 0;
    uint64_t guesses_per_address_max = 0;
    // At least kShards; rounded down to a multiple of it.
    size_t addresses_max = 65536;
  };
  static constexpr size_t kShards = 16;

  // `clock` must outlive this.
  RateLimit(const Options& options, const Clock& clock);

  // Whether a token that comes from there may be looked at.
  bool MayGuess(const boost::asio::ip::address& address);
  // A wrong token has come from there.
  void GuessedWrong(const boost::asio::ip::address& address);
  // A valid one has.
  void GuessedRight(const boost::asio::ip::address& address);

  enum class Verdict : uint8_t { kPass, kTooManyFromAddress, kTooMany };
  // Takes a request from the buckets of its address and of all, or from
  // neither.
  Verdict Take(const boost::asio::ip::address& address);

  // Addresses that are remembered.
  size_t addresses_count() const;

 private:
  // A kind of bucket. Of one such, what is kept is when it will be full again
  // if nothing more is taken; in nanoseconds since 1970.
  class Rate {
   public:
    explicit Rate(uint64_t a_second_max);

    bool limited() const { return interval_ > 0; }
    // Both set `full_at` right after the clock was.
    bool HasOne(int64_t& full_at, int64_t now) const;
    bool TakeOne(int64_t& full_at, int64_t now) const;

   private:
    int64_t interval_;  // in which one more comes into the bucket; 0: no limit
  };

  struct Buckets {
    int64_t requests_full_at = 0;
    int64_t guesses_full_at = 0;
    int64_t valid_token_at = kNever;
  };
  static constexpr int64_t kNever = INT64_MIN / 2;

  struct Shard {
    mutable Mutex mutex;
    absl::flat_hash_map<AddressKey, Buckets> buckets ABSL_GUARDED_BY(mutex);
    // Of addresses for which there was no room.
    Buckets others ABSL_GUARDED_BY(mutex);
    int64_t swept_at ABSL_GUARDED_BY(mutex) = kNever;
  };

  Shard& ShardOf(const AddressKey& key);
  // The buckets that count for an address, which is remembered if it can be.
  Buckets& Find(Shard& shard, const AddressKey& key, int64_t now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  // Forgets addresses that have nothing to be remembered for.
  static void Sweep(Shard& shard, int64_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  bool TakeFromAll(int64_t now);

  const Rate requests_;
  const Rate requests_per_address_;
  const Rate guesses_per_address_;
  const size_t shard_addresses_max_;
  const Clock& clock_;
  std::atomic<int64_t> all_full_at_ = 0;
  std::array<Shard, kShards> shards_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_RATE_LIMIT_H_
