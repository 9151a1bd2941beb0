#ifndef ENVELOPE_RELAY_SERVER_GRPC_ACCESS_WATCH_H_
#define ENVELOPE_RELAY_SERVER_GRPC_ACCESS_WATCH_H_

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>

#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/base/clock.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/calls.h"
#include "server/grpc/pooled_call.h"

namespace enveloperelay {

// Ends calls whose callers have lost the right to them: when a file of Access
// has changed, at once; when a token has expired, within kInterval. Works on
// the threads of the pool.
class AccessWatch {
 public:
  static constexpr absl::Duration kInterval = absl::Milliseconds(500);

  // What it uses; all outlive it.
  struct Environment {
    Access& access;
    const CallGuard& guard;
    Calls& calls;
    const Clock& clock;
  };

  AccessWatch(const Environment& environment, CallPool& pool);
  // The pool has been stopped.
  ~AccessWatch();
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

 private:
  using Strand = boost::asio::strand<boost::asio::thread_pool::executor_type>;
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock,
      boost::asio::wait_traits<std::chrono::steady_clock>, Strand>;

  void Tick();
  void Look();

  const Environment env_;
  Strand strand_;
  Timer timer_;
  absl::Time next_expiry_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_GRPC_ACCESS_WATCH_H_
