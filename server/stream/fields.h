#ifndef ENVELOPE_RELAY_SERVER_STREAM_FIELDS_H_
#define ENVELOPE_RELAY_SERVER_STREAM_FIELDS_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/stream/errors.h"

namespace enveloperelay {

using Violations = std::vector<FieldViolation>;

// Each of these reads a field of a request, whose path is `field`, and adds
// what is wrong with it to `violations`; what it returns means nothing then.

absl::Time ReadTime(std::string_view field,
                    const google::protobuf::Timestamp& time,
                    Violations& violations);

// What google/protobuf/duration.proto allows.
absl::Duration ReadDuration(std::string_view field,
                            const google::protobuf::Duration& duration,
                            Violations& violations);

// Likewise, and within `min` to `max`.
absl::Duration ReadDuration(std::string_view field,
                            const google::protobuf::Duration& duration,
                            absl::Duration min, absl::Duration max,
                            Violations& violations);

void CheckEnum(std::string_view field, int value, bool is_valid,
               Violations& violations);

// Of methods that list things other than events: what a page has at most, and
// what it has for a `wanted` page_size that was checked.
inline constexpr int kPageSizeMax = 1000;
size_t PageSize(int wanted);

// `value` is a page_size, which may be 0.
void CheckPageSize(int value, int max, Violations& violations);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_FIELDS_H_
