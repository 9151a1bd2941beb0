#ifndef ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_
#define ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "server/log/chunk.h"
#include "server/log/sequence.h"

// How keys and values of the embedded log are laid out; FORMAT.md says it byte
// by byte. Integers are big-endian, so that keys sort by number.
namespace enveloperelay {

// Version of what FORMAT.md describes.
inline constexpr uint32_t kFormatVersion = 3;

// A record's place within everything that was ever appended. The default is
// the place before the first record.
struct Position {
  Sequence sequence;
  // Bytes of the frames of all records up to and with this one.
  uint64_t end_offset = 0;
  // Since the Unix epoch.
  int64_t receive_time_micros = std::numeric_limits<int64_t>::min();

  friend bool operator==(const Position&, const Position&) = default;
};

inline constexpr size_t kSequenceSize = 8;
inline constexpr size_t kPositionSize = 24;
inline constexpr size_t kRecordHeaderSize = 24;

std::string EncodeSequence(Sequence sequence);
// Nothing unless `bytes` are kSequenceSize bytes.
std::optional<Sequence> DecodeSequence(std::string_view bytes);

std::string EncodePosition(const Position& position);
std::optional<Position> DecodePosition(std::string_view bytes);

// Key of an event_id: short for a UUID in its canonical lower-case form, which
// all of ours have; no two event_ids have the same.
std::string EventIdKey(std::string_view event_id);

// Key of an event among those of its envelope: EnvelopeKey of its sequence
// begins with EnvelopePrefix, and ends with the sequence.
std::string EnvelopePrefix(std::string_view envelope_id);
std::string EnvelopeKey(std::string_view envelope_id, Sequence sequence);
// The sequence at the end of an EnvelopeKey; nothing if it is too short.
std::optional<Sequence> EnvelopeKeySequence(std::string_view key);

// The header in front of a stored frame. `ref` is the record's place in a
// chunk, `end_offset` as in Position.
std::string EncodeRecordHeader(const RecordRef& ref, uint64_t end_offset);

// A stored record, read without looking into its event.
struct StoredRecord {
  Position position;
  std::string_view frame;
  // Within the frame, as in RecordRef.
  uint32_t event = 0;
  uint32_t payload = 0;

  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};

// Reads the value stored for `sequence`. Nothing if header and frame do not
// fit together.
std::optional<StoredRecord> DecodeRecord(Sequence sequence,
                                         std::string_view value);

// Appends a stored record to `chunk`.
void AppendStored(const StoredRecord& record, Chunk& chunk);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_
