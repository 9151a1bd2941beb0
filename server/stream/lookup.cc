#include "server/stream/lookup.h"

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/proto_time.h"
#include "server/stream/response.h"

namespace enveloperelay {
namespace {

absl::StatusOr<Sequence> FindKey(const EventLog& log,
                                 const v1::GetEventRequest& request) {
  switch (request.key_case()) {
    case v1::GetEventRequest::kSequence:
      return Sequence{request.sequence()};
    case v1::GetEventRequest::kEventId:
      if (!request.event_id().empty()) {
        return log.FindEventId(request.event_id());
      }
      break;
    case v1::GetEventRequest::KEY_NOT_SET:
      break;
  }
  return FieldInvalidError(
      {{"key", "nothing to look for; set event_id or sequence"}});
}

// What the client asked for, as far as it may be repeated in an error: an
// event_id may be of any length.
std::string KeyName(const v1::GetEventRequest& request) {
  return request.key_case() == v1::GetEventRequest::kSequence
             ? absl::StrCat("with sequence ", request.sequence())
             : std::string("with this event_id");
}

}  // namespace

absl::StatusOr<grpc::ByteBuffer> LookUpEvent(
    const EventLog& log, const v1::GetEventRequest& request) {
  const absl::StatusOr<Sequence> sequence = FindKey(log, request);
  absl::Status status = sequence.status();
  if (sequence.ok()) {
    const absl::StatusOr<ChunkSpan> span = log.Get(*sequence);
    if (span.ok()) {
      Batch batch(v1::EVENT_VIEW_FULL,
                  {.events_max = 1, .bytes_max = UINT32_MAX});
      batch.Add(span->chunk, span->first);
      return std::move(batch).Finish(/*trailer=*/"");
    }
    status = span.status();
  }
  if (absl::IsNotFound(status)) return EventNotFoundError(KeyName(request));
  return FromLog(status);
}

v1::GetLogResponse DescribeLog(const LogBounds& bounds) {
  v1::GetLogResponse response;
  response.set_log_id(bounds.log_id.ToString());
  const Sequence before{bounds.earliest.value - 1};
  response.set_earliest_cursor(EncodeCursor({bounds.log_id, before}));
  response.set_latest_cursor(EncodeCursor({bounds.log_id, bounds.latest}));
  response.set_latest_sequence(bounds.latest.value);
  if (!bounds.empty()) {
    response.set_earliest_sequence(bounds.earliest.value);
    *response.mutable_earliest_time() = ToProto(bounds.earliest_time);
    *response.mutable_latest_time() = ToProto(bounds.latest_time);
  }
  return response;
}

}  // namespace enveloperelay
