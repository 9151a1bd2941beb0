#ifndef ENVELOPE_RELAY_SERVER_HTTP_OPTIONS_H_
#define ENVELOPE_RELAY_SERVER_HTTP_OPTIONS_H_

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/http/tls_context.h"

namespace enveloperelay {

// How often time limits are looked at: they are kept to within this.
inline constexpr absl::Duration kHttpTick = absl::Milliseconds(100);

// After its last answer a connection is read, into the void, until the client
// has closed it or has sent or taken too much: closed at once it would be
// reset, and the client might lose the answer (RFC 9112, section 9.6).
inline constexpr absl::Duration kLingerTimeout = absl::Seconds(2);
inline constexpr size_t kLingerBytesMax = size_t{16} * 1024 * 1024;

// How an HttpServer listens, and what it puts up with.
struct HttpOptions {
  Address address;
  // Threads that serve connections; each has its share of them.
  int threads = 1;
  // Connections at once. A further one is answered with 503 and closed; if
  // they are too many for that as well, it is closed without an answer.
  size_t connections_max = 10'000;
  // Connections at once from one client's address; of IPv6 a /64 counts as one.
  // A further one is answered with 429 and closed. 0: as many as there may be.
  size_t connections_per_address_max = 0;
  // Addresses that this does not apply to, such as those of proxies. Called on
  // one of the server's threads. Empty: there are none.
  std::function<bool(const boost::asio::ip::address&)> exempt = {};
  // A connection is closed after the next answer when it has been open for
  // this, or up to a fifth less, so that not all are closed at once.
  absl::Duration connection_age_max = absl::Hours(1);
  // Null: connections are plain.
  std::shared_ptr<TlsContext> tls = {};
  // A larger body is refused with 413.
  size_t body_bytes_max = 0;
  // From the first byte of a request to the end of its head (else 408), from
  // the start of a connection to that first byte, and for the handshake of TLS
  // before it.
  absl::Duration header_timeout = absl::Seconds(10);
  // From one request on a connection to the next, and to take an answer.
  absl::Duration idle_timeout = absl::Seconds(60);
  // A body may take this long and one second more for each `body_rate_min`
  // bytes that have arrived (else 408).
  absl::Duration body_grace = absl::Seconds(10);
  size_t body_rate_min = 1024;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_OPTIONS_H_
