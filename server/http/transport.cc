#include "server/http/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/ssl3.h>
#include <openssl/sslerr.h>
#include <openssl/types.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/errc.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "server/base/check.h"
#include "server/base/logging.h"
#include "server/http/handler.h"
#include "server/http/tls_context.h"

namespace enveloperelay {
namespace {

namespace asio = boost::asio;
using asio::socket_base;
using boost::system::error_code;

// For one call of OpenSSL's. A second receive would be one without end when the
// client is fast: OpenSSL reads on after a message that is its own.
constexpr int kReceives = 1;
constexpr int kSends = 16;
// Of a connection, all in all; clients need a few in hours.
constexpr int kOwnRecordsMax = 100;

// OpenSSL's own BIO of a socket writes with write(), which raises SIGPIPE, and
// blocks if the socket does. Here OpenSSL is told to come back instead.
TlsSocket& SocketOf(BIO* bio) {
  return *static_cast<TlsSocket*>(BIO_get_data(bio));
}

int ReadSocket(BIO* bio, char* into, size_t size, size_t* read) {
  BIO_clear_retry_flags(bio);
  TlsSocket& socket = SocketOf(bio);
  if (socket.receives_left == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  --socket.receives_left;
  const ssize_t got = recv(socket.fd, into, size, MSG_DONTWAIT);
  if (got > 0) {
    *read = static_cast<size_t>(got);
    return 1;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return 0;
}

int WriteSocket(BIO* bio, const char* from, size_t size, size_t* written) {
  BIO_clear_retry_flags(bio);
  TlsSocket& socket = SocketOf(bio);
  if (socket.sends_left == 0) {
    BIO_set_retry_write(bio);
    return 0;
  }
  --socket.sends_left;
  const ssize_t sent = send(socket.fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    *written = static_cast<size_t>(sent);
    return 1;
  }
  if (errno == EAGAIN || errno == EINTR) BIO_set_retry_write(bio);
  return 0;
}

// NOLINTNEXTLINE(google-runtime-int): the signature is OpenSSL's
long ControlSocket(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    RELAY_CHECK(made != nullptr && BIO_meth_set_read_ex(made, ReadSocket) &&
                BIO_meth_set_write_ex(made, WriteSocket) &&
                BIO_meth_set_ctrl(made, ControlSocket));
    return made;
  }();
  return method;
}

// Told by OpenSSL of each record. Within TLS 1.3 the type in its header is
// always the same, and the real one comes apart.
void CountOwnRecords(int is_sent, int, int what, const void* bytes, size_t size,
                     SSL*, void* socket) {
  if (is_sent != 0 || size == 0) return;
  if (what != SSL3_RT_HEADER && what != SSL3_RT_INNER_CONTENT_TYPE) return;
  if (*static_cast<const uint8_t*>(bytes) == SSL3_RT_APPLICATION_DATA) return;
  ++static_cast<TlsSocket*>(socket)->own_records;
}

// The client has sent a request as it does without TLS.
constexpr int kHttpRequest = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_HTTP_REQUEST);

bool IsOfOpenSsl(const error_code& error) {
  return error.category() == asio::error::get_ssl_category();
}

}  // namespace

Transport::Transport(HttpSocket socket, SslPtr tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
  if (!is_tls()) return;
  BIO* const bio = BIO_new(SocketMethod());
  RELAY_CHECK(bio != nullptr);
  tls_socket_.fd = socket_.native_handle();
  BIO_set_data(bio, &tls_socket_);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls_.get(), bio, bio);
  SSL_set_accept_state(tls_.get());
}

Transport::~Transport() {
  if (!is_tls() || tls_broken_ || SSL_is_init_finished(tls_.get()) == 0) {
    return;
  }
  Begin();
  SSL_shutdown(tls_.get());
  ERR_clear_error();
}

void Transport::Begin() {
  ERR_clear_error();
  tls_socket_.receives_left = kReceives;
  tls_socket_.sends_left = kSends;
}

Awaitable<Handshake> Transport::ShakeHands() {
  while (true) {
    Begin();
    const int result = SSL_accept(tls_.get());
    if (result == 1) {
      SSL_set_msg_callback(tls_.get(), CountOwnRecords);
      SSL_set_msg_callback_arg(tls_.get(), &tls_socket_);
      co_return Handshake::kDone;
    }
    const error_code error = co_await WaitToTryAgain(result);
    if (!error) continue;
    if (!IsOfOpenSsl(error)) co_return Handshake::kGone;
    error_code unknown;
    LogDebug("no TLS",
             {{LogKey::kPeer,
               socket_.remote_endpoint(unknown).address().to_string()},
              {LogKey::kDetail, error.message()}});
    if (error.value() != kHttpRequest) co_return Handshake::kRefused;
    tls_.reset();
    co_return Handshake::kPlaintext;
  }
}

Awaitable<Transport::Result> Transport::ReadSome(asio::mutable_buffer into) {
  if (is_tls()) return ReadSomeOfTls(into);
  return socket_.async_read_some(into, kAwaitTuple);
}

Awaitable<Transport::Result> Transport::WriteSome(asio::const_buffer from) {
  if (is_tls()) return WriteSomeOfTls(from);
  return socket_.async_write_some(from, kAwaitTuple);
}

Awaitable<Transport::Result> Transport::ReadSomeOfTls(
    asio::mutable_buffer into) {
  bool waited = false;
  while (true) {
    Begin();
    size_t size = 0;
    const int result = SSL_read_ex(tls_.get(), into.data(), into.size(), &size);
    if (result == 1) {
      // One that always has more to say lets others have their turn.
      if (!waited) co_await asio::post(socket_.get_executor(), kAwait);
      co_return Result(error_code(), size);
    }
    if (tls_socket_.own_records > kOwnRecordsMax) {
      LogDebug("too many messages of TLS itself");
      tls_broken_ = true;
      co_return Result(make_error_code(boost::system::errc::protocol_error), 0);
    }
    const error_code error = co_await WaitToTryAgain(result);
    if (error) co_return Result(error, 0);
    waited = true;
  }
}

Awaitable<Transport::Result> Transport::WriteSomeOfTls(
    asio::const_buffer from) {
  while (true) {
    Begin();
    size_t size = 0;
    const int result =
        SSL_write_ex(tls_.get(), from.data(), from.size(), &size);
    if (result == 1) co_return Result(error_code(), size);
    const error_code error = co_await WaitToTryAgain(result);
    if (error) co_return Result(error, 0);
  }
}

Awaitable<error_code> Transport::WaitToTryAgain(int result) {
  socket_base::wait_type wait = socket_base::wait_read;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_WANT_WRITE:
      wait = socket_base::wait_write;
      break;
    case SSL_ERROR_ZERO_RETURN:
      co_return asio::error::eof;
    case SSL_ERROR_SSL:
      tls_broken_ = true;
      co_return error_code(static_cast<int>(ERR_peek_error()),
                           asio::error::get_ssl_category());
    default:
      tls_broken_ = true;
      co_return asio::ssl::error::make_error_code(
          asio::ssl::error::stream_truncated);
  }
  const auto [error] = co_await socket_.async_wait(wait, kAwaitTuple);
  co_return error;
}

Awaitable<void> Transport::FinishWriting() {
  while (is_tls() && !tls_broken_) {
    Begin();
    const int result = SSL_shutdown(tls_.get());
    if (result >= 0) break;  // sent; the client's own is not waited for
    const error_code error = co_await WaitToTryAgain(result);
    if (error) break;
  }
  // There is nothing more that OpenSSL might say.
  tls_broken_ = true;
  error_code ignored;
  socket_.shutdown(socket_base::shutdown_send, ignored);
}

Awaitable<Transport::Result> Transport::Discard(asio::mutable_buffer scratch) {
  return socket_.async_read_some(scratch, kAwaitTuple);
}

void Transport::Cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace enveloperelay
