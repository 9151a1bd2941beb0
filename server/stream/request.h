#ifndef ENVELOPE_RELAY_SERVER_STREAM_REQUEST_H_
#define ENVELOPE_RELAY_SERVER_STREAM_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/stream/filter.h"
#include "server/stream/response.h"

namespace enveloperelay {

// Bounds that events.proto names, and what it says is taken for unset.
inline constexpr uint32_t kBatchEventsDefault = 256;
inline constexpr uint32_t kBatchEventsMax = 4096;
inline constexpr uint32_t kBatchBytesDefault = 1 << 20;
inline constexpr uint32_t kBatchBytesMin = 64 << 10;
inline constexpr uint32_t kBatchBytesMax = 3 << 20;
inline constexpr absl::Duration kHeartbeatDefault = absl::Seconds(20);
inline constexpr absl::Duration kHeartbeatMin = absl::Seconds(1);
inline constexpr absl::Duration kHeartbeatMax = absl::Seconds(300);
inline constexpr absl::Duration kListWaitMax = absl::Seconds(60);
inline constexpr uint32_t kOutstandingDefault = 1000;
inline constexpr uint32_t kOutstandingMax = 100'000;
inline constexpr size_t kWorkerIdBytesMax = 256;

// Where a reader wants to begin. The first of these that is set counts.
struct StartSpec {
  std::optional<Cursor> cursor;
  std::optional<absl::Time> start_time;
  bool earliest = false;  // else at the end of the log
};

// What a reader wants, Subscribe or ListEvents.
struct ReadSpec {
  StartSpec start;
  // Null when every event passes.
  std::unique_ptr<const EventFilter> filter;
  v1::EventView view = v1::EVENT_VIEW_FULL;
  // When the position is no longer retained: go on at the oldest event
  // instead of failing.
  bool skip_expired = false;
};

// What a SubscribeRequest for a durable subscription asks for.
struct WorkerRequest {
  std::string subscription;
  std::string worker_id;  // empty: any
  uint32_t outstanding_max = 0;
};

// A SubscribeRequest, checked, defaults filled in.
struct SubscribeSpec {
  // Nothing: a plain stream.
  std::optional<WorkerRequest> worker;
  ReadSpec read;  // of a worker the view alone counts
  uint32_t batch_events_max = 0;
  uint32_t batch_bytes_max = 0;
  absl::Duration heartbeat_interval;
  bool until_caught_up = false;
};

// Likewise a ListEventsRequest.
struct ListSpec {
  ReadSpec read;
  size_t page_size = 0;
  absl::Duration wait;
};

// Errors: FIELDS_CONFLICT, FIELD_INVALID, CURSOR_INVALID.
absl::StatusOr<SubscribeSpec> CheckSubscribe(
    const v1::SubscribeRequest& request);

// Errors: FIELD_INVALID, CURSOR_INVALID.
absl::StatusOr<ListSpec> CheckList(const v1::ListEventsRequest& request);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_REQUEST_H_
