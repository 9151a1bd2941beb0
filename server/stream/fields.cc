#include "server/stream/fields.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace enveloperelay {
namespace {

constexpr int kPageSizeDefault = 100;
// Bounds of google/protobuf/timestamp.proto (year 1 to 9999) and duration.proto
// (10,000 years).
constexpr int64_t kTimestampSecondsMin = -62'135'596'800;
constexpr int64_t kTimestampSecondsMax = 253'402'300'799;
constexpr int64_t kDurationSecondsMax = 315'576'000'000;
constexpr int32_t kNanosMax = 999'999'999;

}  // namespace

absl::Time ReadTime(std::string_view field,
                    const google::protobuf::Timestamp& time,
                    Violations& violations) {
  if (time.seconds() < kTimestampSecondsMin ||
      time.seconds() > kTimestampSecondsMax || time.nanos() < 0 ||
      time.nanos() > kNanosMax) {
    violations.push_back(
        {std::string(field),
         "not a time; allowed are 0001-01-01T00:00:00Z to "
         "9999-12-31T23:59:59.999999999Z, nanos 0 to 999999999"});
    return absl::UnixEpoch();
  }
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

absl::Duration ReadDuration(std::string_view field,
                            const google::protobuf::Duration& duration,
                            Violations& violations) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  const bool signs_differ =
      (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
  if (seconds < -kDurationSecondsMax || seconds > kDurationSecondsMax ||
      nanos < -kNanosMax || nanos > kNanosMax || signs_differ) {
    violations.push_back(
        {std::string(field),
         "not a duration; allowed are 10,000 years either way, seconds "
         "and nanos of one sign, nanos below a second"});
    return absl::ZeroDuration();
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

absl::Duration ReadDuration(std::string_view field,
                            const google::protobuf::Duration& duration,
                            absl::Duration min, absl::Duration max,
                            Violations& violations) {
  const size_t before = violations.size();
  const absl::Duration read = ReadDuration(field, duration, violations);
  if (violations.size() == before && (read < min || read > max)) {
    violations.push_back(
        {std::string(field),
         absl::StrCat(absl::FormatDuration(read), "; allowed are ",
                      absl::FormatDuration(min), " to ",
                      absl::FormatDuration(max))});
  }
  return read;
}

void CheckEnum(std::string_view field, int value, bool is_valid,
               Violations& violations) {
  if (is_valid) return;
  violations.push_back(
      {std::string(field),
       absl::StrCat("value ", value, " is not known to this relay")});
}

size_t PageSize(int wanted) {
  return static_cast<size_t>(wanted == 0 ? kPageSizeDefault
                                         : std::min(wanted, kPageSizeMax));
}

void CheckPageSize(int value, int max, Violations& violations) {
  if (value >= 0) return;
  violations.push_back(
      {"page_size",
       absl::StrCat(value,
                    " is negative; allowed are 0 (unset) and above, of which "
                    "at most ",
                    max, " are returned")});
}

}  // namespace enveloperelay
