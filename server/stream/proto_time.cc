#include "server/stream/proto_time.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <ctime>

#include "absl/time/time.h"

namespace enveloperelay {

google::protobuf::Timestamp ToProto(absl::Time time) {
  const timespec spec = absl::ToTimespec(time);
  google::protobuf::Timestamp proto;
  proto.set_seconds(spec.tv_sec);
  proto.set_nanos(static_cast<int32_t>(spec.tv_nsec));
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  const timespec spec = absl::ToTimespec(duration);
  google::protobuf::Duration proto;
  proto.set_seconds(spec.tv_sec);
  proto.set_nanos(static_cast<int32_t>(spec.tv_nsec));
  return proto;
}

}  // namespace enveloperelay
