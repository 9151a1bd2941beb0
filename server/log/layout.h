#ifndef ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_
#define ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/log/chunk.h"
#include "server/log/sequence.h"

// How keys and values of the embedded log are laid out; FORMAT.md says it byte
// by byte. Integers are big-endian, so that keys sort by number.
namespace enveloperelay {

// Version of what FORMAT.md describes.
inline constexpr uint32_t kFormatVersion = 4;

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

// Records are stored in groups: those of one commit (of a CommitGroup), or a
// part of them, under one key and in one value. Most bytes of frames in a
// group, unless it is of a single record: a look-up of one record reads its
// whole group.
inline constexpr size_t kGroupBytesMax = size_t{64} << 10;

// Key of a group: it sorts by the last sequence in it.
std::string EncodeGroupKey(Sequence last, uint32_t count);
// The last sequence; nothing if `key` is no such key.
std::optional<Sequence> GroupKeyLast(std::string_view key);

// What stands in front of the frames of a group: the headers of `records`, one
// after the other in a chunk, the first of which begins at `begin_offset`
// (counted as Position::end_offset).
std::string EncodeGroupHeaders(std::span<const RecordRef> records,
                               uint64_t begin_offset);

// A stored record, read without looking into its event.
struct StoredRecord {
  Position position;
  std::string_view frame;
  // Within the frame, as in RecordRef.
  uint32_t event = 0;
  uint32_t payload = 0;

  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};

// A group as it is stored. Its key and value must outlive it.
class StoredGroup {
 public:
  // Nothing if they cannot be a group's.
  static std::optional<StoredGroup> Decode(std::string_view key,
                                           std::string_view value);

  Sequence first() const { return first_; }
  Sequence last() const { return last_; }
  bool Holds(Sequence sequence) const {
    return first_ <= sequence && sequence <= last_;
  }

  // Returns a record that the group holds. Nothing if its header and its frame
  // do not fit together.
  std::optional<StoredRecord> Record(Sequence sequence) const;

 private:
  StoredGroup(Sequence first, Sequence last, std::string_view value);

  uint64_t EndOffset(size_t index) const;
  // Where the frame of a record ends among the frames; larger than all of them
  // if its header is wrong.
  uint64_t FrameEnd(size_t index) const;

  Sequence first_;
  Sequence last_;
  std::string_view headers_;
  std::string_view frames_;
  uint64_t last_end_offset_ = 0;
};

// Appends a stored record to `chunk`.
void AppendStored(const StoredRecord& record, Chunk& chunk);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_LAYOUT_H_
