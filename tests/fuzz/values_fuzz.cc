// Values of options: what is read is written and read again as it was.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/address.h"
#include "server/base/check.h"
#include "server/config/values.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  if (const auto duration = ParseDuration(text); duration.has_value()) {
    RELAY_CHECK(*duration >= absl::ZeroDuration() &&
                *duration < absl::InfiniteDuration());
    RELAY_CHECK(ParseDuration(DurationText(*duration)) == duration);
  }
  if (const auto bytes = ParseSize(text); bytes.has_value()) {
    RELAY_CHECK(ParseSize(SizeText(*bytes)) == bytes);
  }
  if (const auto count = ParseCount(text); count.has_value()) {
    RELAY_CHECK(text.find_first_not_of("0123456789") == std::string_view::npos);
    RELAY_CHECK(ParseSize(text) == count);
  }
  if (const auto flag = ParseFlag(text); flag.has_value()) {
    RELAY_CHECK(text == (*flag ? "true" : "false"));
  }
  const absl::StatusOr<Address> address = ParseAddress(text);
  if (address.ok()) {
    const absl::StatusOr<Address> again = ParseAddress(address->ToString());
    RELAY_CHECK(again.ok() && again->ip == address->ip &&
                again->port == address->port);
    RELAY_CHECK(again->IsLoopback() == address->IsLoopback());
  } else {
    RELAY_CHECK(absl::IsInvalidArgument(address.status()));
  }
  return 0;
}
