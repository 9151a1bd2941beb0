#include "server/log/cursor.h"

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/crc32c.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

using boost::endian::load_big_u64;
using boost::endian::store_big_u32;
using boost::endian::store_big_u64;

constexpr unsigned char kVersion = 1;

// Where the parts stand in the binary form.
constexpr size_t kLogIdAt = 1;
constexpr size_t kSequenceAt = 9;
constexpr size_t kCrcAt = 17;
constexpr size_t kBinarySize = 21;

absl::Status NotACursor() {
  return absl::InvalidArgumentError(absl::StrCat(
      "not a cursor of this service; allowed are the ", kCursorSize,
      " characters of a cursor that it has given out, unchanged"));
}

}  // namespace

std::string LogId::ToString() const {
  return absl::StrCat(absl::Hex(value, absl::kZeroPad16));
}

std::string EncodeCursor(const Cursor& cursor) {
  unsigned char binary[kBinarySize];
  binary[0] = kVersion;
  store_big_u64(&binary[kLogIdAt], cursor.log_id.value);
  store_big_u64(&binary[kSequenceAt], cursor.sequence.value);
  store_big_u32(&binary[kCrcAt],
                Crc32c({reinterpret_cast<const char*>(binary), kCrcAt}));

  // 21 bytes are 28 characters exactly: there is no padding to write or to
  // vary, so a position has one spelling.
  std::string text;
  absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(binary), kBinarySize),
      &text);
  return text;
}

absl::StatusOr<Cursor> DecodeCursor(std::string_view text) {
  std::string binary;
  if (text.size() != kCursorSize ||
      !absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()),
                                   &binary) ||
      binary.size() != kBinarySize) {
    return NotACursor();
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(binary.data());
  const Cursor cursor{.log_id = {load_big_u64(bytes + kLogIdAt)},
                      .sequence = {load_big_u64(bytes + kSequenceAt)}};
  // Version, check digits and spelling in one comparison.
  if (EncodeCursor(cursor) != text) return NotACursor();
  return cursor;
}

}  // namespace enveloperelay
