// The log's layout: bytes are a stored record or none, and those that are one
// are laid out again as they were; an event comes back as it went in.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/layout.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

std::string ValueOf(const Chunk& chunk, uint64_t end_offset) {
  const RecordRef& ref = chunk.records.back();
  return EncodeRecordHeader(ref, end_offset) + std::string(chunk.Frame(ref));
}

void CheckStored(Sequence sequence, std::string_view value) {
  const std::optional<StoredRecord> record = DecodeRecord(sequence, value);
  if (!record.has_value()) return;
  Chunk chunk{.bytes = "before", .records = {}};
  AppendStored(*record, chunk);
  const RecordRef& ref = chunk.records.back();
  RELAY_CHECK(ref.sequence == sequence);
  RELAY_CHECK(ref.begin <= ref.event && ref.event <= ref.payload &&
              ref.payload <= ref.end && ref.end == chunk.bytes.size());
  RELAY_CHECK(chunk.Event(ref).starts_with(chunk.BasicEvent(ref)));
  RELAY_CHECK(ValueOf(chunk, record->position.end_offset) == value);
}

void CheckEvent(Sequence sequence, std::string_view bytes) {
  v1::EnvelopeEvent event;
  if (!event.ParseFromString(std::string(bytes))) return;
  const EncodedEvent encoded = EncodeEvent(event);
  RELAY_CHECK(encoded.event_id == event.event_id());
  RELAY_CHECK(encoded.envelope_id == event.envelope_id());
  const Cursor cursor{.log_id = {7}, .sequence = sequence};
  Chunk chunk;
  AppendRecord(encoded, cursor, encoded.receive_time_micros, chunk);

  const std::string value = ValueOf(chunk, chunk.bytes.size());
  const std::optional<StoredRecord> record = DecodeRecord(sequence, value);
  RELAY_CHECK(record.has_value());
  Chunk copy;
  AppendStored(*record, copy);
  RELAY_CHECK(ValueOf(copy, record->position.end_offset) == value);

  v1::EnvelopeEvent read;
  v1::EnvelopeEvent basic;
  const RecordRef& ref = chunk.records.back();
  RELAY_CHECK(read.ParseFromString(std::string(chunk.Event(ref))));
  RELAY_CHECK(basic.ParseFromString(std::string(chunk.BasicEvent(ref))));
  RELAY_CHECK(read.sequence() == sequence.value);
  RELAY_CHECK(read.cursor() == EncodeCursor(cursor));
  RELAY_CHECK(read.payload() == event.payload() && basic.payload().empty());
  RELAY_CHECK(read.audit_trail().SerializeAsString() ==
              event.audit_trail().SerializeAsString());
  RELAY_CHECK(read.event_id() == event.event_id());
  RELAY_CHECK(basic.envelope_id() == event.envelope_id());
}

void CheckKeys(Sequence sequence, std::string_view bytes) {
  const std::string key = EnvelopeKey(bytes, sequence);
  RELAY_CHECK(key.starts_with(EnvelopePrefix(bytes)));
  RELAY_CHECK(EnvelopeKeySequence(key) == sequence);
  static_cast<void>(EnvelopeKeySequence(bytes));
  RELAY_CHECK(DecodeSequence(EncodeSequence(sequence)) == sequence);
  const std::optional<Position> position = DecodePosition(bytes);
  if (position.has_value()) RELAY_CHECK(EncodePosition(*position) == bytes);
  // Short for a UUID, and nothing else looks like one.
  const std::string id_key = EventIdKey(bytes);
  constexpr size_t kUuidKeySize = 17;
  RELAY_CHECK(id_key.size() ==
              (id_key.front() == 1 ? kUuidKeySize : bytes.size() + 1));
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  const Sequence sequence{input.Number()};
  const std::string_view rest = input.Rest();
  CheckStored(sequence, rest);
  CheckEvent(sequence, rest);
  CheckKeys(sequence, rest);
  return 0;
}
