#ifndef ENVELOPE_RELAY_SERVER_STREAM_FIRST_DELIVERIES_H_
#define ENVELOPE_RELAY_SERVER_STREAM_FIRST_DELIVERIES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/log/sequence.h"
#include "server/stream/response.h"

namespace enveloperelay {

// Tells which events no stream has been handed before. The highest sequence
// that was handed out would not do: workers of a subscription share events, and
// streams with filters pass events over. So this remembers each event by a bit,
// in 64 KiB, until one is handed out that came kEvents later. One atomic
// operation for up to 32 events in a row. Thread-safe, without locks.
class FirstDeliveries {
 public:
  static constexpr size_t kEvents = 262'144;

  // Of events up to `begin` an earlier process may have handed out any: they
  // are never told.
  explicit FirstDeliveries(Sequence begin);

  // Calls `first` with those of `events`, in the order of the log, that are
  // handed out for the first time.
  void Take(std::span<const BatchEvent> events,
            absl::FunctionRef<void(const BatchEvent&)> first);

 private:
  static constexpr uint64_t kBlockEvents = 32;

  // Marks events of a block of the log. Returns those that were not marked.
  uint32_t Mark(uint64_t block, uint32_t events);

  const Sequence begin_;
  // Each has the number of a block, its lower 32 bits, and a bit for each of
  // its events. Blocks follow each other around.
  std::vector<std::atomic<uint64_t>> blocks_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_FIRST_DELIVERIES_H_
