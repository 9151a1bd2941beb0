#include "server/stream/first_deliveries.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "server/log/sequence.h"
#include "server/stream/response.h"

namespace enveloperelay {

FirstDeliveries::FirstDeliveries(Sequence begin)
    : begin_(begin), blocks_(kEvents / kBlockEvents) {
  // Before all that will come.
  const auto before = static_cast<uint32_t>(begin.value / kBlockEvents - 1);
  for (std::atomic<uint64_t>& block : blocks_) block = uint64_t{before} << 32;
}

void FirstDeliveries::Take(std::span<const BatchEvent> events,
                           absl::FunctionRef<void(const BatchEvent&)> first) {
  const auto bit = [](const BatchEvent& event) {
    return uint32_t{1} << (event.sequence.value % kBlockEvents);
  };
  while (!events.empty()) {
    const uint64_t block = events.front().sequence.value / kBlockEvents;
    uint32_t handed = 0;
    size_t count = 0;
    for (const BatchEvent& event : events) {
      if (event.sequence.value / kBlockEvents != block) break;
      if (event.sequence > begin_) handed |= bit(event);
      ++count;
    }
    const uint32_t news = handed == 0 ? 0 : Mark(block, handed);
    for (const BatchEvent& event : events.first(count)) {
      if ((news & bit(event)) != 0) first(event);
    }
    events = events.subspan(count);
  }
}

uint32_t FirstDeliveries::Mark(uint64_t block, uint32_t events) {
  std::atomic<uint64_t>& entry = blocks_[block % blocks_.size()];
  const auto number = static_cast<uint32_t>(block);
  uint64_t seen = entry.load(std::memory_order_relaxed);
  while (true) {
    // Numbers may wrap around; they are never far apart.
    const auto ahead =
        static_cast<int32_t>(static_cast<uint32_t>(seen >> 32) - number);
    if (ahead > 0) return 0;
    const uint32_t marked = ahead == 0 ? static_cast<uint32_t>(seen) : 0;
    if ((events & ~marked) == 0) return 0;
    const uint64_t next = uint64_t{number} << 32 | marked | events;
    if (entry.compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
      return events & ~marked;
    }
  }
}

}  // namespace enveloperelay
