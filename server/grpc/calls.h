#ifndef ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_
#define ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/base/mutex.h"

namespace enveloperelay {

// What stands for a call among Calls.
class Drainable {
 public:
  virtual ~Drainable() = default;
  // Makes the call end soon. Thread-safe; does not block.
  virtual void Drain() = 0;
};

// How many calls may be open at once, and what they may hold in memory.
struct CallLimits {
  // Subscribe.
  size_t streams_max = 20'000;
  // Calls that read events, those that wait included; and as many that manage
  // subscriptions and settle.
  size_t unary_calls_max = 10'000;
  // Filters of all calls together.
  size_t filter_bytes_max = size_t{256} << 20;
};

// The calls that are open: counts them against the limits and ends them when
// the server drains. Thread-safe.
class Calls {
 public:
  // Those that manage are let in while the server drains, so that workers can
  // settle what they have.
  enum class Kind : uint8_t { kStream, kRead, kManage };

  explicit Calls(const CallLimits& limits) : limits_(limits) {}

  // Lets a call in whose filter takes `filter_bytes`, until it leaves.
  // Errors: STREAM_LIMIT, SERVER_UNAVAILABLE (draining).
  absl::Status Enter(std::shared_ptr<Drainable> call, Kind kind,
                     size_t filter_bytes);
  // Does nothing if `call` is not in.
  void Leave(const Drainable* call);

  // Drains the calls that are in, and lets no other in but those that manage.
  void Drain();
  bool draining() const;
  // Returns when no call is in, or at `deadline`: then false.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline);

 private:
  struct Entry {
    std::shared_ptr<Drainable> call;
    Kind kind;
    size_t filter_bytes;
  };

  size_t& Count(Kind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_.at(static_cast<size_t>(kind));
  }

  const CallLimits limits_;
  mutable Mutex mutex_;
  CondVar emptied_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<size_t, 3> counts_ ABSL_GUARDED_BY(mutex_) = {};  // by kind
  size_t filter_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<const Drainable*, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_
