// Cursors: a position has one spelling, and nothing else is one.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/log/cursor.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  const std::string_view text = input.Rest();
  const absl::StatusOr<Cursor> decoded = DecodeCursor(text);
  if (decoded.ok()) {
    RELAY_CHECK(EncodeCursor(*decoded) == text);
  } else {
    RELAY_CHECK(absl::IsInvalidArgument(decoded.status()));
  }

  input = testing::FuzzInput(data, size);
  const Cursor cursor{.log_id = {input.Number()}, .sequence = {input.Number()}};
  std::string encoded = EncodeCursor(cursor);
  RELAY_CHECK(encoded.size() == kCursorSize);
  RELAY_CHECK(DecodeCursor(encoded).value() == cursor);
  // One character that is another one.
  char& tampered = encoded[input.Byte() % kCursorSize];
  const char other = static_cast<char>(input.Byte());
  if (tampered != other) {
    tampered = other;
    RELAY_CHECK(!DecodeCursor(encoded).ok());
  }
  return 0;
}
