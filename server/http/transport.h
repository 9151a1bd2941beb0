#ifndef ENVELOPE_RELAY_SERVER_HTTP_TRANSPORT_H_
#define ENVELOPE_RELAY_SERVER_HTTP_TRANSPORT_H_

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "server/http/handler.h"
#include "server/http/tls_context.h"

namespace enveloperelay {

using HttpSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, HttpExecutor>;

// How a handshake ended.
enum class Handshake : uint8_t {
  kDone,
  kGone,       // the client has gone, or Cancel() was called
  kRefused,    // it cannot be agreed with; it has been told
  kPlaintext,  // it speaks HTTP without TLS; so does this from now on
};

// The bytes of one connection, as they are or within TLS. Used on the thread of
// its socket only, for one operation at a time. On a plain connection the
// operations are those of the socket.
class Transport {
 public:
  // What an operation came to, and the bytes that it has moved.
  using Result = std::tuple<boost::system::error_code, size_t>;

  // Without `tls` the connection is plain.
  Transport(HttpSocket socket, SslPtr tls);
  // Tells a client within TLS that nothing more comes, if that is possible
  // without a wait.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  bool is_tls() const { return tls_ != nullptr; }
  HttpSocket& socket() { return socket_; }

  // Agrees on TLS with the client. Only if is_tls(), and before all else.
  Awaitable<Handshake> ShakeHands();

  // Errors: of the socket, eof when the client has said that nothing more
  // comes; within TLS also stream_truncated, when it ended without a word, and
  // those of OpenSSL, when it broke the protocol.
  Awaitable<Result> ReadSome(boost::asio::mutable_buffer into);
  Awaitable<Result> WriteSome(boost::asio::const_buffer from);

  // Says that nothing more comes. What the client sends can still be taken
  // with Discard(), but not be read.
  Awaitable<void> FinishWriting();
  Awaitable<Result> Discard(boost::asio::mutable_buffer scratch);

  // Ends the operation that is on.
  void Cancel();

 private:
  Awaitable<Result> ReadSomeOfTls(boost::asio::mutable_buffer into);
  Awaitable<Result> WriteSomeOfTls(boost::asio::const_buffer from);
  // After an operation of OpenSSL that returned `result`, which is no success:
  // waits until it can be tried again; otherwise returns the error.
  Awaitable<boost::system::error_code> WaitToTryAgain(int result);

  HttpSocket socket_;
  SslPtr tls_;
  // OpenSSL must not be asked for anything more.
  bool tls_broken_ = false;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_TRANSPORT_H_
