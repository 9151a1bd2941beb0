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

constexpr std::string_view kBefore = "before";

// All records of a group; false where one is not whole.
bool AppendAll(const StoredGroup& group, Chunk& chunk) {
  for (Sequence at = group.first(); at <= group.last(); at = at.Next()) {
    const std::optional<StoredRecord> record = group.Record(at);
    if (!record.has_value()) return false;
    AppendStored(*record, chunk);
    const RecordRef& ref = chunk.records.back();
    RELAY_CHECK(ref.sequence == at);
    RELAY_CHECK(ref.begin <= ref.event && ref.event <= ref.payload &&
                ref.payload <= ref.end && ref.end == chunk.bytes.size());
    RELAY_CHECK(chunk.Event(ref).starts_with(chunk.BasicEvent(ref)));
  }
  return true;
}

void CheckStored(std::string_view key, std::string_view value) {
  const std::optional<StoredGroup> group = StoredGroup::Decode(key, value);
  if (!group.has_value()) return;
  RELAY_CHECK(GroupKeyLast(key) == group->last());
  RELAY_CHECK(group->first() <= group->last() && group->first().value > 0);
  Chunk chunk{.bytes = std::string(kBefore), .records = {}};
  if (!AppendAll(*group, chunk)) return;
  const uint64_t begin_offset =
      group->Record(group->last())->position.end_offset -
      (chunk.bytes.size() - kBefore.size());
  RELAY_CHECK(EncodeGroupHeaders(chunk.records, begin_offset) +
                  chunk.bytes.substr(kBefore.size()) ==
              value);
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

  if (sequence.value > 0) {
    const std::string key = EncodeGroupKey(sequence, 1);
    const std::string value =
        EncodeGroupHeaders(chunk.records, 0) + chunk.bytes;
    const std::optional<StoredGroup> group = StoredGroup::Decode(key, value);
    RELAY_CHECK(group.has_value());
    const std::optional<StoredRecord> record = group->Record(sequence);
    RELAY_CHECK(record.has_value() && record->frame == chunk.bytes);
    CheckStored(key, value);
  }

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
  CheckStored(EncodeGroupKey(sequence, 1), rest);
  // A byte says how many records there are in a group of several.
  if (!rest.empty()) {
    CheckStored(EncodeGroupKey(sequence, static_cast<uint8_t>(rest.front())),
                rest.substr(1));
  }
  CheckEvent(sequence, rest);
  CheckKeys(sequence, rest);
  return 0;
}
