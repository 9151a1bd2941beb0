#ifndef ENVELOPE_RELAY_SERVER_HTTP_HANDLER_H_
#define ENVELOPE_RELAY_SERVER_HTTP_HANDLER_H_

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "server/http/framing.h"
#include "server/http/problem.h"
#include "server/http/response.h"

namespace enveloperelay {

// A coroutine of a connection. Named executors save Asio the type erasure. Each
// co_await is a statement of its own: g++ 12 miscompiles one in a condition.
using HttpExecutor = boost::asio::io_context::executor_type;
template <typename T>
using Awaitable = boost::asio::awaitable<T, HttpExecutor>;
inline constexpr boost::asio::use_awaitable_t<HttpExecutor> kAwait;
// The same for operations that may fail: errors come back as values.
inline constexpr boost::asio::as_tuple_t<
    boost::asio::use_awaitable_t<HttpExecutor>>
    kAwaitTuple;

// Who is at the other end of a connection.
struct HttpPeer {
  boost::asio::ip::address address;
};

// What a server does with requests. Each answer goes out with the `traceparent`
// of its request, which `head` has. Called on the server's threads, by many
// connections at once; must not block. Outlives the server.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Looks at a request before its body is read: returns the answer that
  // refuses it, or nothing.
  virtual std::optional<HttpResponse> Admit(const RequestHead& head,
                                            const HttpPeer& peer) = 0;

  // Answers a request that was admitted. `head` and `body` stay as they are
  // until this completes.
  virtual Awaitable<HttpResponse> Respond(const RequestHead& head,
                                          const HttpPeer& peer,
                                          std::string_view body) = 0;

  // An answer with this status has been handed to the socket, so long after
  // the head of its request was read.
  virtual void OnAnswered(unsigned /*status*/, std::chrono::nanoseconds) {}
  // The server itself is about to refuse a request.
  virtual void OnRefused(Reason) {}
  // A client did not get as far as a request, for want of TLS.
  virtual void OnHandshakeFailed() {}
  // A connection was opened (1) or has gone (-1).
  virtual void OnConnection(int) {}
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_HANDLER_H_
