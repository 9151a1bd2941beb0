#include "server/http/server.h"

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/http/connection.h"
#include "server/http/handler.h"
#include "server/http/options.h"
#include "server/http/problem.h"
#include "server/http/tls_context.h"
#include "server/http/transport.h"

namespace enveloperelay {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Timer =
    asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>,
                               HttpExecutor>;

// Connections above a limit that are told so, at once: of all, and of those
// from one address.
constexpr size_t kTurnedAwayMax = 256;
constexpr size_t kTurnedAwayFromAddressMax = 16;
// Between two tries to accept when the process has run out of something.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

using Acceptor = asio::basic_socket_acceptor<tcp, HttpExecutor>;

absl::Status Listen(const Address& address, Acceptor& acceptor) {
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(address.ip, error),
                               address.port);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "cannot listen on ", address.ToString(), ": ", error.message()));
}

}  // namespace

// One thread and the connections that belong to it.
struct HttpServer::Thread {
  Thread(HttpServer& the_server, const HttpOptions& options,
         HttpHandler& handler, const Clock& clock)
      : server(the_server), state(handler, options, clock) {}

  // Serves a connection that was counted, to its end.
  Awaitable<void> Serve(HttpSocket socket, HttpPeer peer, Welcome welcome);
  // Keeps the time limits while there are connections.
  Awaitable<void> KeepTimeLimits();
  // Called on the thread.
  void Drain();

  HttpServer& server;
  HttpThreadState state;
  bool keeps_time_limits = false;
  boost::intrusive::list<HttpConnection,
                         boost::intrusive::constant_time_size<false>>
      connections;
  asio::io_context context{1};
  asio::executor_work_guard<HttpExecutor> work{context.get_executor()};
  Timer tick{context};
  std::thread thread;
};

Awaitable<void> HttpServer::Thread::Serve(HttpSocket socket, HttpPeer peer,
                                          Welcome welcome) {
  const absl::Cleanup forget = [this, &peer] { server.Forget(peer); };
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  SslPtr tls;
  if (state.options.tls != nullptr) {
    tls = state.options.tls->NewConnection();
    if (tls == nullptr) co_return;
  }
  HttpConnection connection(std::move(socket), std::move(tls), peer, state);
  connections.push_back(connection);
  if (!keeps_time_limits) {
    keeps_time_limits = true;
    asio::co_spawn(context, KeepTimeLimits(), asio::detached);
  }
  if (welcome == Welcome::kServe) {
    co_await connection.Serve();
  } else if (welcome == Welcome::kTooMany) {
    co_await connection.TurnAway(Reason::kUnavailable, "too many connections");
  } else {
    co_await connection.TurnAway(Reason::kRateLimited,
                                 "too many connections from this address");
  }
}

Awaitable<void> HttpServer::Thread::KeepTimeLimits() {
  while (!connections.empty()) {
    tick.expires_after(absl::ToChronoNanoseconds(kHttpTick));
    co_await tick.async_wait(kAwaitTuple);
    const HttpConnection::Time now = SteadyClock::now();
    for (HttpConnection& connection : connections) {
      connection.CheckDeadline(now);
    }
  }
  keeps_time_limits = false;
}

void HttpServer::Thread::Drain() {
  state.draining = true;
  for (HttpConnection& connection : connections) connection.EndIfIdle();
}

// Accepts connections, on the first thread, and deals them out.
class HttpServer::Listener {
 public:
  Listener(HttpServer& server, asio::io_context& context)
      : server_(server), acceptor_(context), pause_(context) {}

  // Errors: kUnavailable.
  absl::Status Open(const Address& address) {
    return Listen(address, acceptor_);
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  Awaitable<void> Accept();
  // Called on the thread.
  void Close() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  HttpServer& server_;
  Acceptor acceptor_;
  Timer pause_;
};

Awaitable<void> HttpServer::Listener::Accept() {
  bool failing = false;
  for (size_t turn = 0; acceptor_.is_open(); ++turn) {
    Thread& thread = *server_.threads_[turn % server_.threads_.size()];
    auto [error, socket] =
        co_await acceptor_.async_accept(thread.context, kAwaitTuple);
    if (!error) {
      failing = false;
      server_.Deal(thread, std::move(socket));
      continue;
    }
    if (error == asio::error::operation_aborted ||
        error == asio::error::connection_aborted) {
      continue;  // closed, or the client has left already
    }
    // Out of file descriptors or memory. Who waits is still there later.
    if (!failing) {
      LogError("cannot accept connections",
               {{LogKey::kDetail, error.message()}});
    }
    failing = true;
    pause_.expires_after(absl::ToChronoNanoseconds(kAcceptPause));
    co_await pause_.async_wait(kAwaitTuple);
  }
}

HttpServer::HttpServer(const HttpOptions& options, HttpHandler& handler,
                       const Clock& clock)
    : options_(options), handler_(handler) {
  RELAY_CHECK(options.threads >= 1 && options.body_rate_min >= 1);
  for (int i = 0; i < options.threads; ++i) {
    threads_.push_back(
        std::make_unique<Thread>(*this, options_, handler, clock));
  }
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const HttpOptions& options, HttpHandler& handler, const Clock& clock) {
  std::unique_ptr<HttpServer> server(new HttpServer(options, handler, clock));
  asio::io_context& first = server->threads_.front()->context;
  server->listener_ = std::make_unique<Listener>(*server, first);
  absl::Status status = server->listener_->Open(options.address);
  if (!status.ok()) return status;
  server->port_ = server->listener_->port();
  asio::co_spawn(first, server->listener_->Accept(), asio::detached);
  try {
    for (const auto& thread : server->threads_) {
      thread->thread =
          std::thread([context = &thread->context] { context->run(); });
    }
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("cannot start a thread: ", error.what()));
  }
  return server;
}

HttpServer::~HttpServer() {
  Stop();
  listener_.reset();
  // The first one holds a socket of another that is yet to be accepted into.
  for (std::unique_ptr<Thread>& thread : threads_) thread.reset();
}

void HttpServer::Deal(Thread& thread, HttpSocket socket) {
  error_code gone;
  const HttpPeer peer = {.address = socket.remote_endpoint(gone).address()};
  if (gone) return;
  const Welcome welcome = Count(peer);
  if (welcome == Welcome::kNone) {
    Forget(peer);
    return;
  }
  asio::co_spawn(thread.context, thread.Serve(std::move(socket), peer, welcome),
                 asio::detached);
}

HttpServer::Welcome HttpServer::Count(const HttpPeer& peer) {
  handler_.OnConnection(1);
  const size_t from_address_max =
      options_.exempt && options_.exempt(peer.address)
          ? 0
          : options_.connections_per_address_max;
  const MutexLock lock(mutex_);
  ++connections_;
  const size_t from_address = by_address_.Add(peer.address);
  const auto excess = [](size_t count, size_t max) {
    return count > max ? count - max : 0;
  };
  const size_t above = excess(connections_, options_.connections_max);
  const size_t above_from_address =
      from_address_max == 0 ? 0 : excess(from_address, from_address_max);
  if (above > kTurnedAwayMax ||
      above_from_address > kTurnedAwayFromAddressMax) {
    return Welcome::kNone;
  }
  if (above_from_address > 0) return Welcome::kTooManyFromAddress;
  return above > 0 ? Welcome::kTooMany : Welcome::kServe;
}

void HttpServer::Forget(const HttpPeer& peer) {
  handler_.OnConnection(-1);
  const MutexLock lock(mutex_);
  by_address_.Remove(peer.address);
  if (--connections_ == 0) emptied_.NotifyAll();
}

bool HttpServer::Drain(absl::Duration timeout) {
  asio::post(threads_.front()->context, [this] { listener_->Close(); });
  for (const auto& thread : threads_) {
    asio::post(thread->context, [thread = thread.get()] { thread->Drain(); });
  }
  const absl::Time deadline = absl::Now() + timeout;
  const MutexLock lock(mutex_);
  while (connections_ > 0) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    emptied_.WaitFor(mutex_, std::min(left, absl::Minutes(1)));
  }
  return true;
}

void HttpServer::Stop() {
  for (const auto& thread : threads_) thread->context.stop();
  for (const auto& thread : threads_) {
    if (thread->thread.joinable()) thread->thread.join();
  }
}

}  // namespace enveloperelay
