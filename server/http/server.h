#ifndef ENVELOPE_RELAY_SERVER_HTTP_SERVER_H_
#define ENVELOPE_RELAY_SERVER_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/http/address_counts.h"
#include "server/http/connection.h"
#include "server/http/handler.h"
#include "server/http/options.h"

namespace enveloperelay {

// A small and strict HTTP/1.1 server: takes requests off connections, within
// limits, and hands them to a handler. Each connection belongs to one thread.
// Start, Drain, Stop and the destructor are for one thread.
class HttpServer {
 public:
  // Listens and serves. `handler` and `clock` must outlive the server.
  // Errors: kUnavailable (the address cannot be listened on; says why),
  // kInternal (no threads).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const HttpOptions& options, HttpHandler& handler, const Clock& clock);

  // Stops.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // The port listened on, whatever was asked for.
  uint16_t port() const { return port_; }

  // Takes no more connections, closes those that wait for a request, answers
  // the requests that were taken and closes their connections; a request whose
  // body has yet to be read gets 503. Returns when no connection is left, or
  // after `timeout`: true if none is.
  bool Drain(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the threads, whatever they are at: connections do nothing more, and
  // are closed when the server is destroyed. What a handler waits for may still
  // complete until then, without effect.
  void Stop();

 private:
  struct Thread;
  class Listener;

  HttpServer(const HttpOptions& options, HttpHandler& handler,
             const Clock& clock);

  // What is done with a new connection.
  enum class Welcome : uint8_t {
    kServe,
    kTooMany,             // told so
    kTooManyFromAddress,  // told so
    kNone,                // too many for that as well
  };

  // Gives a new connection to a thread, or turns it away.
  void Deal(Thread& thread, HttpSocket socket);
  // Counts a connection that has come, until Forget().
  Welcome Count(const HttpPeer& peer) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(const HttpPeer& peer) ABSL_LOCKS_EXCLUDED(mutex_);

  const HttpOptions options_;
  HttpHandler& handler_;
  uint16_t port_ = 0;

  Mutex mutex_;
  CondVar emptied_;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
  AddressCounts by_address_ ABSL_GUARDED_BY(mutex_);

  // Connections live in their thread's io_context, the listener in the first.
  std::vector<std::unique_ptr<Thread>> threads_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_SERVER_H_
