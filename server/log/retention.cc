#include "server/log/retention.h"

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/store_reader.h"

namespace enveloperelay {

absl::Status Retention::Apply() {
  const absl::StatusOr<Position> floor = FindFloor();
  if (!floor.ok()) return floor.status();
  if (floor->sequence <= parts_.extent.floor().sequence) {
    return absl::OkStatus();
  }
  return MoveFloor(*floor);
}

absl::StatusOr<Position> Retention::FindFloor() const {
  absl::StatusOr<Position> by_age = FindFloorByAge();
  if (!by_age.ok()) return by_age;
  absl::StatusOr<Position> by_bytes = FindFloorByBytes();
  if (!by_bytes.ok() || by_bytes->sequence > by_age->sequence) return by_bytes;
  return by_age;
}

absl::StatusOr<Position> Retention::FindFloorByAge() const {
  const absl::Time oldest = parts_.clock.Now() - limits_.age;
  const LogBounds bounds = parts_.extent.bounds();
  if (bounds.empty() || bounds.earliest_time >= oldest) {
    return parts_.extent.floor();
  }
  return parts_.reader.FindBefore([oldest](const StoreReader::Probe& probe) {
    return absl::FromUnixMicros(probe.position.receive_time_micros) >= oldest;
  });
}

absl::StatusOr<Position> Retention::FindFloorByBytes() const {
  const Position last = parts_.extent.last();
  const Position floor = parts_.extent.floor();
  const uint64_t stored = last.end_offset - floor.end_offset;
  if (limits_.bytes == 0 || stored <= limits_.bytes) return floor;
  const uint64_t begin = last.end_offset - limits_.bytes;
  return parts_.reader.FindBefore([begin](const StoreReader::Probe& probe) {
    return probe.begin_offset >= begin;
  });
}

absl::Status Retention::MoveFloor(const Position& floor) {
  // In this order: what is removed stays so after a crash, and nobody is sent
  // to read what is no longer there.
  absl::Status status = parts_.store.WriteFloor(floor);
  if (!status.ok()) {
    parts_.health.Fail(status);
    return status;
  }
  std::optional<int64_t> earliest_micros;
  while (!parts_.extent.Trim(floor, earliest_micros)) {
    const absl::StatusOr<int64_t> micros =
        parts_.reader.EarliestMicrosAfter(floor);
    if (!micros.ok()) return micros.status();
    earliest_micros = *micros;
  }
  parts_.recent.Trim(floor.sequence.Next());
  status = parts_.store.DropFiles(floor.sequence);
  if (!status.ok()) parts_.health.Fail(status);
  return status;
}

}  // namespace enveloperelay
