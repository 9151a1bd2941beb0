#include "server/log/extent.h"

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/mutex.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"

namespace enveloperelay {

LogBounds Extent::bounds() const {
  const MutexLock lock(mutex_);
  LogBounds bounds{.log_id = log_id_,
                   .earliest = floor_.sequence.Next(),
                   .latest = last_.sequence,
                   .earliest_time = absl::InfinitePast(),
                   .latest_time = absl::InfinitePast()};
  if (!bounds.empty()) {
    bounds.earliest_time = absl::FromUnixMicros(earliest_micros_);
    bounds.latest_time = absl::FromUnixMicros(last_.receive_time_micros);
  }
  return bounds;
}

Position Extent::floor() const {
  const MutexLock lock(mutex_);
  return floor_;
}

Position Extent::last() const {
  const MutexLock lock(mutex_);
  return last_;
}

bool Extent::IsRetained(Sequence sequence) const {
  const MutexLock lock(mutex_);
  return sequence > floor_.sequence && sequence <= last_.sequence;
}

void Extent::Append(const Position& last, int64_t first_micros) {
  const MutexLock lock(mutex_);
  RELAY_CHECK(last.sequence > last_.sequence);
  if (floor_.sequence == last_.sequence) earliest_micros_ = first_micros;
  last_ = last;
}

bool Extent::Trim(const Position& floor,
                  std::optional<int64_t> earliest_micros) {
  const MutexLock lock(mutex_);
  RELAY_CHECK(floor.sequence >= floor_.sequence &&
              floor.sequence <= last_.sequence);
  if (floor.sequence < last_.sequence && !earliest_micros.has_value()) {
    return false;
  }
  floor_ = floor;
  earliest_micros_ = earliest_micros.value_or(0);
  return true;
}

}  // namespace enveloperelay
