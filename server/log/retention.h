#ifndef ENVELOPE_RELAY_SERVER_LOG_RETENTION_H_
#define ENVELOPE_RELAY_SERVER_LOG_RETENTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/log/extent.h"
#include "server/log/health.h"
#include "server/log/layout.h"
#include "server/log/recent.h"
#include "server/log/store.h"
#include "server/log/store_reader.h"

namespace enveloperelay {

// How much is kept: an event goes when either limit says so.
struct RetentionLimits {
  absl::Duration age = absl::InfiniteDuration();
  // Of frames, uncompressed. 0: without limit.
  uint64_t bytes = 0;
};

// Removes the oldest events of a log once they are too old or too many. One
// caller at a time.
class Retention {
 public:
  // What it works on. All must outlive the Retention.
  struct Parts {
    Store& store;
    const StoreReader& reader;
    Extent& extent;
    Recent& recent;
    Health& health;
    const Clock& clock;
  };

  Retention(const Parts& parts, const RetentionLimits& limits)
      : parts_(parts), limits_(limits) {}

  // Removes what is due now. Errors: kUnavailable.
  absl::Status Apply();

 private:
  // The newest record that is due, or the floor.
  absl::StatusOr<Position> FindFloor() const;
  absl::StatusOr<Position> FindFloorByAge() const;
  absl::StatusOr<Position> FindFloorByBytes() const;
  absl::Status MoveFloor(const Position& floor);

  const Parts parts_;
  const RetentionLimits limits_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_RETENTION_H_
