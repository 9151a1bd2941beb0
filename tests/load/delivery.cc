#include "tests/load/delivery.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::load {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr uint32_t kEventsTag =
    WireFormatLite::MakeTag(v1::SubscribeResponse::kEventsFieldNumber,
                            WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kDeliveryTag =
    WireFormatLite::MakeTag(v1::SubscribeResponse::kDeliveryFieldNumber,
                            WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kSequenceTag = WireFormatLite::MakeTag(
    v1::EnvelopeEvent::kSequenceFieldNumber, WireFormatLite::WIRETYPE_VARINT);

// Reads the sequence of the event that begins with its length here.
bool ReadSequence(CodedInputStream& in, uint64_t& sequence) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return false;
  const CodedInputStream::Limit limit = in.PushLimit(static_cast<int>(size));
  for (uint32_t tag = in.ReadTag(); tag != kSequenceTag; tag = in.ReadTag()) {
    if (tag == 0 || !WireFormatLite::SkipField(&in, tag)) return false;
  }
  if (!in.ReadVarint64(&sequence) || !in.Skip(in.BytesUntilLimit())) {
    return false;
  }
  in.PopLimit(limit);
  return true;
}

bool ReadLease(CodedInputStream& in, v1::Delivery& lease) {
  uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return false;
  const CodedInputStream::Limit limit = in.PushLimit(static_cast<int>(size));
  if (!lease.MergeFromCodedStream(&in)) return false;
  in.PopLimit(limit);
  return true;
}

}  // namespace

absl::StatusOr<Delivery> ReadDelivery(std::string_view response) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(response.data()),
                      static_cast<int>(response.size()));
  Delivery delivery;
  v1::Delivery lease;
  bool read = true;
  for (uint32_t tag = in.ReadTag(); tag != 0 && read; tag = in.ReadTag()) {
    if (tag == kEventsTag) {
      read = ReadSequence(in, delivery.sequences.emplace_back());
    } else if (tag == kDeliveryTag) {
      read = ReadLease(in, lease);
    } else {
      read = WireFormatLite::SkipField(&in, tag);
    }
  }
  if (!read || !in.ConsumedEntireMessage()) {
    return absl::DataLossError("a response cannot be read");
  }
  if (lease.delivery_id().empty() != delivery.sequences.empty()) {
    return absl::DataLossError("events without a lease, or a lease of none");
  }
  delivery.id = lease.delivery_id();
  delivery.again = !lease.attempts().empty();
  return delivery;
}

}  // namespace enveloperelay::load
