#include "server/log/record.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"

namespace enveloperelay {
namespace {

using google::protobuf::io::CodedOutputStream;

// A field's tag where its value is preceded by its length (wire type 2).
constexpr uint32_t LengthDelimitedTag(int field_number) {
  return (static_cast<uint32_t>(field_number) << 3) | 2;
}

constexpr uint32_t kPayloadTag =
    LengthDelimitedTag(v1::EnvelopeEvent::kPayloadFieldNumber);

static_assert(LengthDelimitedTag(v1::SubscribeResponse::kEventsFieldNumber) ==
              kFrameTag);
static_assert(LengthDelimitedTag(v1::ListEventsResponse::kEventsFieldNumber) ==
              kFrameTag);
static_assert(LengthDelimitedTag(v1::GetEventResponse::kEventFieldNumber) ==
              kFrameTag);

void AppendVarint(uint32_t value, std::string& out) {
  uint8_t buffer[5];
  const uint8_t* end = CodedOutputStream::WriteVarint32ToArray(value, buffer);
  out.append(reinterpret_cast<const char*>(buffer),
             static_cast<size_t>(end - buffer));
}

// The fields that are known only at commit.
std::string Stamp(const Cursor& cursor, int64_t receive_time_micros) {
  v1::EnvelopeEvent stamp;
  stamp.set_sequence(cursor.sequence.value);
  stamp.set_cursor(EncodeCursor(cursor));
  const absl::Time time = absl::FromUnixMicros(receive_time_micros);
  const int64_t seconds = absl::ToUnixSeconds(time);
  stamp.mutable_receive_time()->set_seconds(seconds);
  stamp.mutable_receive_time()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return stamp.SerializeAsString();
}

}  // namespace

EncodedEvent EncodeEvent(v1::EnvelopeEvent event) {
  EncodedEvent encoded;
  encoded.receive_time_micros =
      absl::ToUnixMicros(absl::FromUnixSeconds(event.receive_time().seconds()) +
                         absl::Nanoseconds(event.receive_time().nanos()));
  encoded.payload = std::move(*event.mutable_payload());
  event.clear_payload();
  event.clear_sequence();
  event.clear_cursor();
  event.clear_receive_time();
  encoded.head = event.SerializeAsString();
  encoded.event_id = std::move(*event.mutable_event_id());
  encoded.envelope_id = std::move(*event.mutable_envelope_id());
  return encoded;
}

void AppendRecord(const EncodedEvent& event, const Cursor& cursor,
                  int64_t receive_time_micros, Chunk& chunk) {
  const std::string stamp = Stamp(cursor, receive_time_micros);
  const auto payload_size = static_cast<uint32_t>(event.payload.size());
  size_t size = event.head.size() + stamp.size();
  if (payload_size > 0) {
    size += CodedOutputStream::VarintSize32(kPayloadTag) +
            CodedOutputStream::VarintSize32(payload_size) + payload_size;
  }

  const auto here = [&chunk] {
    return static_cast<uint32_t>(chunk.bytes.size());
  };
  RecordRef ref{.sequence = cursor.sequence,
                .receive_time_micros = receive_time_micros,
                .begin = here()};
  AppendVarint(kFrameTag, chunk.bytes);
  AppendVarint(static_cast<uint32_t>(size), chunk.bytes);
  ref.event = here();
  chunk.bytes.append(event.head).append(stamp);
  ref.payload = here();
  if (payload_size > 0) {
    AppendVarint(kPayloadTag, chunk.bytes);
    AppendVarint(payload_size, chunk.bytes);
    chunk.bytes.append(event.payload);
  }
  ref.end = here();
  chunk.records.push_back(ref);
}

}  // namespace enveloperelay
