#ifndef ENVELOPE_RELAY_SERVER_QUARANTINE_METRICS_H_
#define ENVELOPE_RELAY_SERVER_QUARANTINE_METRICS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "enveloperelay/v1/quarantine.pb.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace enveloperelay {

// Why a body has left the quarantine: it was the oldest and there were too
// many, or too many bytes; it had become too old; it is an event now; somebody
// has deleted it.
enum class QuarantineExit : uint8_t { kCount, kBytes, kAge, kStored, kDeleted };

// What the quarantine says of itself. Every pair of labels is there from the
// start. Thread-safe.
//   envelope_relay_quarantine_bodies, …_bytes: kept now.
//   envelope_relay_quarantine_kept_total{reason}: bodies kept.
//   envelope_relay_quarantine_repeated_total{reason}: those that came again.
//   envelope_relay_quarantine_removed_total{cause}: those that have left.
//   envelope_relay_quarantine_failed_total: those that could not be kept.
class QuarantineMetrics {
 public:
  // `registry` must outlive this.
  explicit QuarantineMetrics(prometheus::Registry& registry);

  void SetKept(size_t bodies, uint64_t bytes);
  void Kept(v1::QuarantineReason reason) {
    kept_.at(IndexOf(reason))->Increment();
  }
  void Repeated(v1::QuarantineReason reason) {
    repeated_.at(IndexOf(reason))->Increment();
  }
  void Removed(QuarantineExit cause) {
    removed_.at(static_cast<size_t>(cause))->Increment();
  }
  void Failed() { failed_.Increment(); }

 private:
  // By reason, of which the unspecified one is none.
  using Counters =
      std::array<prometheus::Counter*, v1::QuarantineReason_ARRAYSIZE - 1>;
  static size_t IndexOf(v1::QuarantineReason reason) {
    return static_cast<size_t>(reason) - 1;
  }
  static Counters ByReason(prometheus::Family<prometheus::Counter>& family);

  prometheus::Gauge& bodies_;
  prometheus::Gauge& bytes_;
  Counters kept_;
  Counters repeated_;
  std::array<prometheus::Counter*, 5> removed_{};
  prometheus::Counter& failed_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_QUARANTINE_METRICS_H_
