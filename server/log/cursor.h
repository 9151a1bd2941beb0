#ifndef ENVELOPE_RELAY_SERVER_LOG_CURSOR_H_
#define ENVELOPE_RELAY_SERVER_LOG_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// Identity of a log: 64 random bits, drawn when its directory is created. A
// cursor of another log fails instead of being silently wrong.
struct LogId {
  uint64_t value = 0;

  // 16 hexadecimal digits.
  std::string ToString() const;
  friend auto operator<=>(LogId, LogId) = default;
};

// A position as a client holds it: everything up to `sequence` is behind it.
struct Cursor {
  LogId log_id;
  Sequence sequence;
  friend auto operator<=>(const Cursor&, const Cursor&) = default;
};

// Length of every encoded cursor.
inline constexpr size_t kCursorSize = 28;

// Returns `cursor` as URL-safe text of kCursorSize characters: base64url of
// version (1 byte), log id (8), sequence (8), CRC-32C of those (4), big-endian.
std::string EncodeCursor(const Cursor& cursor);

// Reads what EncodeCursor wrote.
// Errors: kInvalidArgument (not a cursor, or its check digits are wrong).
absl::StatusOr<Cursor> DecodeCursor(std::string_view text);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_CURSOR_H_
