#ifndef ENVELOPE_RELAY_SERVER_STREAM_PROTO_TIME_H_
#define ENVELOPE_RELAY_SERVER_STREAM_PROTO_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace enveloperelay {

// `time` is of the years 1 to 9999.
google::protobuf::Timestamp ToProto(absl::Time time);

// `duration` is finite and not negative.
google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_PROTO_TIME_H_
