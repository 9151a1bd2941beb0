#ifndef ENVELOPE_RELAY_SERVER_STREAM_LOOKUP_H_
#define ENVELOPE_RELAY_SERVER_STREAM_LOOKUP_H_

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"

namespace enveloperelay {

// Returns the encoded GetEventResponse: the event's bytes as they are stored.
// Blocks on the disk.
// Errors: FIELD_INVALID (no key), EVENT_NOT_FOUND, and the log's.
absl::StatusOr<grpc::ByteBuffer> LookUpEvent(
    const EventLog& log, const v1::GetEventRequest& request);

v1::GetLogResponse DescribeLog(const LogBounds& bounds);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_LOOKUP_H_
