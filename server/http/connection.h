#ifndef ENVELOPE_RELAY_SERVER_HTTP_CONNECTION_H_
#define ENVELOPE_RELAY_SERVER_HTTP_CONNECTION_H_

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/traceparent.h"
#include "server/http/framing.h"
#include "server/http/handler.h"
#include "server/http/options.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/http/transport.h"

namespace enveloperelay {

// What the connections of one thread share. Used by that thread only.
struct HttpThreadState {
  HttpThreadState(HttpHandler& the_handler, const HttpOptions& the_options,
                  const Clock& the_clock)
      : handler(the_handler), options(the_options), clock(the_clock) {}

  HttpHandler& handler;
  const HttpOptions& options;
  const Clock& clock;
  // No further request is to be taken.
  bool draining = false;

  // The Date of a response that goes out now.
  std::string_view Date();

 private:
  absl::Time date_time_ = absl::InfinitePast();
  std::string date_;
};

// One client's connection: reads requests, one after the other, and answers
// them. Used on the thread of its socket only; outlived by `state`. Time limits
// are kept by whoever calls CheckDeadline() regularly.
class HttpConnection
    : public boost::intrusive::list_base_hook<
          boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `tls` as Transport has it.
  HttpConnection(HttpSocket socket, SslPtr tls, HttpPeer peer,
                 HttpThreadState& state);

  // Serves the connection; returns when it is over, before it is closed.
  Awaitable<void> Serve();
  // Refuses it without reading a request. `detail` is a constant.
  Awaitable<void> TurnAway(Reason reason, std::string_view detail);

  // Ends the wait that has taken too long, if it has by `now`.
  void CheckDeadline(Time now);
  // Ends the wait for a request of which nothing has come yet.
  void EndIfIdle();

 private:
  enum class Next : uint8_t { kRequest, kLinger, kClose };

  // kRequest: there is TLS, or it is not asked for.
  Awaitable<Next> ShakeHands();
  Awaitable<Next> ServeRequest();
  // Each of the next three goes on only while answer_ is unset and gone_ false.
  // Sets head_.
  Awaitable<void> ReadHead();
  // Asks the handler, and looks at what the head says of the body.
  void Admit();
  // Sets request_body_.
  Awaitable<void> ReadBody();
  Awaitable<void> ReadSizedBody(size_t size);
  Awaitable<void> ReadChunkedBody();
  // Sends answer_ and says that it is the last one.
  Awaitable<Next> WriteLastAnswer();
  Awaitable<bool> Write(std::string_view bytes);
  Awaitable<void> Linger();

  // Waits for more of a head; false: there is none.
  Awaitable<bool> ReadMoreOfHead();
  // Waits for bytes of a body, of which `received` have come.
  Awaitable<size_t> ReadSomeOfBody(boost::asio::mutable_buffer into,
                                   size_t received);
  // A read in the middle of a request has failed.
  void ReadFailed(const boost::system::error_code& error, const char* slow);
  void Refuse(Reason reason, std::string_view detail);
  // Done with a request: what came behind it is the beginning of the next.
  void Consume();
  // Of the request whose head was read; empty if none was.
  std::string_view traceparent() const;
  std::string_view buffered() const;
  void SetTimeout(absl::Duration timeout);

  Transport transport_;
  HttpThreadState& state_;
  const HttpPeer peer_;

  // When it has been open for long enough, and whether that is past.
  const Time age_end_;
  bool aged_ = false;
  // When the wait that is on ends, and whether it did.
  Time deadline_ = Time::max();
  bool timed_out_ = false;
  // Waiting for the first byte of a request, or for a handshake.
  bool idle_ = false;
  bool served_any_ = false;

  // A request's head, and what came with it. Not moved while head_ is in use.
  boost::beast::flat_buffer in_;
  std::optional<RequestHead> head_;
  Time head_time_;  // when it had been read
  // What head_->traceparent refers to.
  std::optional<Traceparent> trace_;
  std::string_view request_body_;
  // Bytes of in_ that belong to the request.
  size_t request_bytes_ = 0;
  // The body if it did not come together with the head.
  std::string body_;
  Time body_begin_;
  // What was read behind a body in chunks.
  std::string read_ahead_;

  // The answer, once there is one.
  std::optional<HttpResponse> answer_;
  // The client has gone, or there is nothing to tell it.
  bool gone_ = false;
  std::string out_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_CONNECTION_H_
