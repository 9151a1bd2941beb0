#ifndef ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_
#define ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "prometheus/registry.h"
#include "server/access/caller.h"
#include "server/base/mutex.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/caller_streams.h"

namespace enveloperelay {

// What stands for a call among Calls.
class Drainable {
 public:
  virtual ~Drainable() = default;
  // Makes the call end soon. Thread-safe; does not block.
  virtual void Drain() = 0;
  // Makes the call end with `status` soon: its caller may not go on. Does
  // nothing for one that is short anyway. Thread-safe; does not block.
  virtual void End(const absl::Status& status) = 0;
};

// How many calls may be open at once, and what they may hold in memory.
struct CallLimits {
  // Subscribe.
  size_t streams_max = 20'000;
  // Subscribe, of one caller that the relay knows; and as many calls that read.
  size_t streams_per_caller_max = 1000;
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

  // `registry` outlives it.
  Calls(const CallLimits& limits, prometheus::Registry& registry)
      : limits_(limits), caller_streams_(registry) {}

  // Lets a call in whose filter takes `filter_bytes`, until it leaves. Whoever
  // is let in may rest on `right`: see EndUnless().
  // Errors: STREAM_LIMIT, SERVER_UNAVAILABLE (draining).
  absl::Status Enter(std::shared_ptr<Drainable> call, Kind kind,
                     size_t filter_bytes, CallRight right);
  // Does nothing if `call` is not in.
  void Leave(const Drainable* call);

  // Drains the calls that are in, and lets no other in but those that manage.
  void Drain();
  bool draining() const;
  // Ends the calls whose right `check` does not confirm, with what it returns.
  void EndUnless(absl::FunctionRef<absl::Status(const CallRight& right)> check);
  // Returns when no call is in, or at `deadline`: then false.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline);

 private:
  struct Entry {
    std::shared_ptr<Drainable> call;
    Kind kind;
    size_t filter_bytes;
    std::shared_ptr<const CallRight> right;
  };

  size_t CallsOf(const std::string& principal, Kind kind) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckLimits(Kind kind, size_t filter_bytes, const Caller& caller)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t& Count(Kind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_.at(static_cast<size_t>(kind));
  }

  const CallLimits limits_;
  mutable Mutex mutex_;
  CondVar emptied_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<size_t, 3> counts_ ABSL_GUARDED_BY(mutex_) = {};  // by kind
  size_t filter_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  CallerStreams caller_streams_ ABSL_GUARDED_BY(mutex_);
  // Calls that read, by principal.
  absl::flat_hash_map<std::string, size_t> caller_reads_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<const Drainable*, Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_CALLS_H_
