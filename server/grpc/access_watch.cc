#include "server/grpc/access_watch.h"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/error_code.hpp>

#include "absl/time/time.h"
#include "server/grpc/call_guard.h"
#include "server/grpc/pooled_call.h"

namespace enveloperelay {

AccessWatch::AccessWatch(const Environment& environment, CallPool& pool)
    : env_(environment),
      strand_(boost::asio::make_strand(pool.executor())),
      timer_(strand_),
      next_expiry_(env_.access.NextExpiry()) {
  if (env_.access.open()) return;
  env_.access.OnChange(
      [this] { boost::asio::post(strand_, [this] { Look(); }); });
  boost::asio::post(strand_, [this] { Tick(); });
}

AccessWatch::~AccessWatch() { env_.access.OnChange(nullptr); }

void AccessWatch::Tick() {
  if (env_.clock.Now() >= next_expiry_) Look();
  timer_.expires_after(absl::ToChronoNanoseconds(kInterval));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Tick();
  });
}

void AccessWatch::Look() {
  next_expiry_ = env_.access.NextExpiry();
  env_.calls.EndUnless(
      [this](const CallRight& right) { return env_.guard.Check(right); });
}

}  // namespace enveloperelay
