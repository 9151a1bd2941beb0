#include "server/log/layout.h"

#include <google/protobuf/io/coded_stream.h>

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/log/chunk.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

// First byte of an event_id's key.
constexpr char kEventIdAsText = 0;
constexpr char kEventIdAsUuid = 1;

constexpr std::string_view kUuidForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

template <typename Integer>
void AppendInteger(Integer value, std::string& out) {
  const Integer big = boost::endian::native_to_big(value);
  out.append(reinterpret_cast<const char*>(&big), sizeof(big));
}

template <typename Integer>
Integer LoadInteger(std::string_view bytes, size_t at) {
  return boost::endian::endian_load<Integer, sizeof(Integer),
                                    boost::endian::order::big>(
      reinterpret_cast<const unsigned char*>(bytes.data() + at));
}

// The value of a lower-case hexadecimal digit, or -1.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The 16 bytes of a UUID in canonical form (RFC 9562, section 4).
std::optional<std::string> UuidBytes(std::string_view text) {
  if (text.size() != kUuidForm.size()) return std::nullopt;
  std::string bytes;
  int high = -1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (kUuidForm[i] == '-') {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int digit = HexDigit(text[i]);
    if (digit < 0) return std::nullopt;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

// True if `frame` is one tag, one length and, from `event` on, as many bytes.
bool IsWholeFrame(std::string_view frame, uint32_t event) {
  if (event > frame.size()) return false;
  // Encoding what has to be there takes less than decoding what is.
  uint8_t expected[6] = {kFrameTag};
  const uint8_t* end =
      google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(
          static_cast<uint32_t>(frame.size() - event), expected + 1);
  return frame.substr(0, event) ==
         std::string_view(reinterpret_cast<const char*>(expected),
                          static_cast<size_t>(end - expected));
}

// Of a group's key, behind the last sequence; a group of one has none.
constexpr size_t kGroupCountSize = 4;

}  // namespace

std::string EncodeSequence(Sequence sequence) {
  std::string bytes;
  AppendInteger(sequence.value, bytes);
  return bytes;
}

std::optional<Sequence> DecodeSequence(std::string_view bytes) {
  if (bytes.size() != kSequenceSize) return std::nullopt;
  return Sequence{LoadInteger<uint64_t>(bytes, 0)};
}

std::string EncodePosition(const Position& position) {
  std::string bytes;
  AppendInteger(position.sequence.value, bytes);
  AppendInteger(position.end_offset, bytes);
  AppendInteger(position.receive_time_micros, bytes);
  return bytes;
}

std::optional<Position> DecodePosition(std::string_view bytes) {
  if (bytes.size() != kPositionSize) return std::nullopt;
  return Position{.sequence = {LoadInteger<uint64_t>(bytes, 0)},
                  .end_offset = LoadInteger<uint64_t>(bytes, 8),
                  .receive_time_micros = LoadInteger<int64_t>(bytes, 16)};
}

std::string EventIdKey(std::string_view event_id) {
  const std::optional<std::string> uuid = UuidBytes(event_id);
  if (uuid.has_value()) return kEventIdAsUuid + *uuid;
  return std::string(1, kEventIdAsText).append(event_id);
}

std::string EnvelopePrefix(std::string_view envelope_id) {
  std::string key;
  AppendInteger(static_cast<uint32_t>(envelope_id.size()), key);
  return key.append(envelope_id);
}

std::string EnvelopeKey(std::string_view envelope_id, Sequence sequence) {
  std::string key = EnvelopePrefix(envelope_id);
  AppendInteger(sequence.value, key);
  return key;
}

std::optional<Sequence> EnvelopeKeySequence(std::string_view key) {
  if (key.size() < kSequenceSize) return std::nullopt;
  return DecodeSequence(key.substr(key.size() - kSequenceSize));
}

std::string EncodeGroupKey(Sequence last, uint32_t count) {
  std::string key = EncodeSequence(last);
  if (count > 1) AppendInteger(count, key);
  return key;
}

std::optional<Sequence> GroupKeyLast(std::string_view key) {
  if (key.size() == kSequenceSize + kGroupCountSize) {
    key.remove_suffix(kGroupCountSize);
  }
  return DecodeSequence(key);
}

std::string EncodeGroupHeaders(std::span<const RecordRef> records,
                               uint64_t begin_offset) {
  std::string bytes;
  bytes.reserve(records.size() * kRecordHeaderSize);
  for (const RecordRef& ref : records) {
    AppendInteger(begin_offset + (ref.end - records.front().begin), bytes);
    AppendInteger(ref.receive_time_micros, bytes);
    AppendInteger(ref.event - ref.begin, bytes);
    AppendInteger(ref.payload - ref.begin, bytes);
  }
  return bytes;
}

std::optional<StoredGroup> StoredGroup::Decode(std::string_view key,
                                               std::string_view value) {
  const std::optional<Sequence> last = GroupKeyLast(key);
  if (!last.has_value()) return std::nullopt;
  const uint32_t count = key.size() > kSequenceSize
                             ? LoadInteger<uint32_t>(key, kSequenceSize)
                             : 1;
  if (count == 0 || count > last->value) return std::nullopt;
  // Every record has a frame behind the headers.
  if (value.size() / (kRecordHeaderSize + 1) < count) return std::nullopt;
  return StoredGroup(Sequence{last->value - count + 1}, *last, value);
}

StoredGroup::StoredGroup(Sequence first, Sequence last, std::string_view value)
    : first_(first), last_(last) {
  const size_t count = last.value - first.value + 1;
  headers_ = value.substr(0, count * kRecordHeaderSize);
  frames_ = value.substr(headers_.size());
  last_end_offset_ = EndOffset(count - 1);
}

uint64_t StoredGroup::EndOffset(size_t index) const {
  return LoadInteger<uint64_t>(headers_, index * kRecordHeaderSize);
}

uint64_t StoredGroup::FrameEnd(size_t index) const {
  return frames_.size() - (last_end_offset_ - EndOffset(index));
}

std::optional<StoredRecord> StoredGroup::Record(Sequence sequence) const {
  const size_t index = sequence.value - first_.value;
  const uint64_t begin = index == 0 ? 0 : FrameEnd(index - 1);
  const uint64_t end = FrameEnd(index);
  if (begin > end || end > frames_.size()) return std::nullopt;
  const std::string_view header =
      headers_.substr(index * kRecordHeaderSize, kRecordHeaderSize);
  const StoredRecord record{
      .position = {.sequence = sequence,
                   .end_offset = LoadInteger<uint64_t>(header, 0),
                   .receive_time_micros = LoadInteger<int64_t>(header, 8)},
      .frame = frames_.substr(begin, end - begin),
      .event = LoadInteger<uint32_t>(header, 16),
      .payload = LoadInteger<uint32_t>(header, 20)};
  const bool fits = record.event <= record.payload &&
                    record.payload <= record.frame.size() &&
                    record.frame.size() <= record.position.end_offset &&
                    IsWholeFrame(record.frame, record.event);
  if (!fits) return std::nullopt;
  return record;
}

void AppendStored(const StoredRecord& record, Chunk& chunk) {
  const auto begin = static_cast<uint32_t>(chunk.bytes.size());
  chunk.bytes.append(record.frame);
  chunk.records.push_back(
      {.sequence = record.position.sequence,
       .receive_time_micros = record.position.receive_time_micros,
       .begin = begin,
       .event = begin + record.event,
       .payload = begin + record.payload,
       .end = static_cast<uint32_t>(chunk.bytes.size())});
}

}  // namespace enveloperelay
