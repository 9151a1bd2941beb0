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

// The socket as OpenSSL sees it. Of each call of OpenSSL's it bears so much
// work and then says that the call is to be made again, so that a client that
// never stops sending does not keep the thread from the others.
struct TlsSocket {
  int fd = -1;
  int receives_left = 0;
  int sends_left = 0;
  // Records that came since the handshake and hold no bytes of the client's:
  // new keys, alerts, what would be another handshake.
  int own_records = 0;
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

  // Agrees on TLS with the client. Only if is_tls(), and before all else.
  Awaitable<Handshake> ShakeHands();

  // Errors: of the socket, eof when the client has said that nothing more
  // comes; within TLS also stream_truncated, when it ended without a word, and
  // those of OpenSSL, when it broke the protocol; protocol_error, when it sent
  // too much of what is TLS's own.
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
  // Before each operation of OpenSSL.
  void Begin();
  // After an operation of OpenSSL that returned `result`, which is no success:
  // waits until it can be tried again; otherwise returns the error.
  Awaitable<boost::system::error_code> WaitToTryAgain(int result);

  HttpSocket socket_;
  TlsSocket tls_socket_;  // which tls_ refers to
  SslPtr tls_;
  // OpenSSL must not be asked for anything more.
  bool tls_broken_ = false;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_TRANSPORT_H_
