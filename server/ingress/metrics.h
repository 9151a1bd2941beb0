#ifndef ENVELOPE_RELAY_SERVER_INGRESS_METRICS_H_
#define ENVELOPE_RELAY_SERVER_INGRESS_METRICS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/http/problem.h"
#include "server/signplus/first_seen.h"

namespace enveloperelay {

// What kept a request from being let in, or let through.
enum class Denial : uint8_t {
  kSource,           // its address is none of --ingress-sources
  kToken,            // no token, or a wrong one
  kSignatureFields,  // no signature, or none that can be one; its timestamp
  kSignature,        // it is not by any of the secrets
  kTooManyGuesses,   // wrong tokens from its address
  kTooManyFromAddress,
  kTooMany,
};
inline constexpr Denial kDenialLast = Denial::kTooMany;

// "signature_fields".
std::string_view CauseOf(Denial denial);

// What the ingress counts:
//   envelope_relay_ingress_requests_total{status,reason}: answers; the reason
//     of status 200 is STORED or DUPLICATE. Every pair is there from the start.
//   envelope_relay_ingress_denied_total{cause}: those of 401 and 429, by what
//     was wrong: source, token, signature_fields, signature, guesses,
//     address_rate, rate.
//   envelope_relay_ingress_connections: connections that are open.
//   envelope_relay_ingress_tls_handshakes_failed_total: connections that got no
//     further than that.
//   envelope_relay_ingress_ack_duration_seconds: of answers of 200, from the
//     head of the request to the socket.
//   envelope_relay_ingress_body_bytes_total: of the bodies that were let in.
//   envelope_relay_ingress_last_event_timestamp_seconds{type}: when the newest
//     event of a type came.
//   envelope_relay_ingress_unknown_names_total{kind}: names of events, actions
//     and fields that are not known, each once, FirstSeen::kNamesMax in all.
// Thread-safe.
class IngressMetrics {
 public:
  // `registry` must outlive this.
  explicit IngressMetrics(prometheus::Registry& registry);

  // An event that came at `now` is in the log.
  void Stored(v1::EventType type, absl::Time now);
  void Duplicate() { duplicate_.Increment(); }
  void Refused(Reason reason) {
    refused_.at(static_cast<size_t>(reason))->Increment();
  }
  void Denied(Denial denial) {
    denied_.at(static_cast<size_t>(denial))->Increment();
  }
  void UnknownName(NameKind kind) {
    unknown_names_.at(static_cast<size_t>(kind))->Increment();
  }
  void AddConnections(int change) { connections_.Increment(change); }
  void HandshakeFailed() { handshakes_failed_.Increment(); }
  void Acknowledged(std::chrono::nanoseconds took);
  void AddBody(size_t bytes) {
    body_bytes_.Increment(static_cast<double>(bytes));
  }

 private:
  using Counters = prometheus::Family<prometheus::Counter>;
  explicit IngressMetrics(Counters& requests, prometheus::Registry& registry);

  prometheus::Counter& stored_;
  prometheus::Counter& duplicate_;
  // By reason.
  std::array<prometheus::Counter*, static_cast<size_t>(kReasonLast) + 1>
      refused_{};
  std::array<prometheus::Counter*, static_cast<size_t>(kDenialLast) + 1>
      denied_{};
  prometheus::Gauge& connections_;
  prometheus::Counter& handshakes_failed_;
  // Takes a lock that the threads of the ingress share, for as long as adding
  // up takes.
  prometheus::Histogram& ack_duration_;
  prometheus::Counter& body_bytes_;
  std::array<prometheus::Gauge*, v1::EventType_ARRAYSIZE> last_event_{};
  // By kind.
  std::array<prometheus::Counter*, static_cast<size_t>(kNameKindLast) + 1>
      unknown_names_{};
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_INGRESS_METRICS_H_
