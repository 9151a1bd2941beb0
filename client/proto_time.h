#ifndef ENVELOPE_RELAY_CLIENT_PROTO_TIME_H_
#define ENVELOPE_RELAY_CLIENT_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace enveloperelay::client {

absl::Duration FromProto(const google::protobuf::Duration& duration);
absl::Time FromProto(const google::protobuf::Timestamp& time);
// `duration` is finite.
google::protobuf::Duration ToProto(absl::Duration duration);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_PROTO_TIME_H_
