// FieldReader: never looks past the message, and finds in each message that
// protobuf could have written what protobuf finds.
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/check.h"
#include "server/stream/wire.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

bool IsSame(const wire::Field& field, const UnknownField& other) {
  const auto is_fixed = [&](uint64_t value, size_t size) {
    if (field.bytes.size() != size) return false;
    uint64_t read = 0;
    for (size_t i = 0; i < size; ++i) {
      read |= uint64_t{static_cast<uint8_t>(field.bytes[i])} << (8 * i);
    }
    return read == value;
  };
  if (field.number != static_cast<uint32_t>(other.number())) return false;
  switch (other.type()) {
    case UnknownField::TYPE_VARINT:
      return field.type == wire::Type::kVarint &&
             field.varint == other.varint();
    case UnknownField::TYPE_FIXED32:
      return field.type == wire::Type::kFixed32 &&
             is_fixed(other.fixed32(), sizeof(uint32_t));
    case UnknownField::TYPE_FIXED64:
      return field.type == wire::Type::kFixed64 &&
             is_fixed(other.fixed64(), sizeof(uint64_t));
    case UnknownField::TYPE_LENGTH_DELIMITED:
      return field.type == wire::Type::kLengthDelimited &&
             field.bytes == other.length_delimited();
    case UnknownField::TYPE_GROUP:
      break;
  }
  return false;
}

// `message` has no fields of its own: all of them are kept as unknown.
void CheckAgainstProtobuf(std::string_view bytes,
                          const google::protobuf::Empty& message) {
  const UnknownFieldSet& fields =
      message.GetReflection()->GetUnknownFields(message);
  wire::FieldReader reader(bytes);
  for (int i = 0; i < fields.field_count(); ++i) {
    const std::optional<wire::Field> field = reader.Next();
    // Groups do not exist in proto3: the reader stops there.
    if (fields.field(i).type() == UnknownField::TYPE_GROUP) {
      RELAY_CHECK(!field.has_value());
      return;
    }
    RELAY_CHECK(field.has_value() && IsSame(*field, fields.field(i)));
  }
  RELAY_CHECK(!reader.Next().has_value());
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes = testing::FuzzInput(data, size).Rest();
  wire::FieldReader reader(bytes);
  size_t fields = 0;
  while (const std::optional<wire::Field> field = reader.Next()) {
    ++fields;
    if (field->bytes.empty()) continue;
    RELAY_CHECK(field->bytes.data() >= bytes.data() &&
                field->bytes.data() + field->bytes.size() <=
                    bytes.data() + bytes.size());
    std::string header;
    wire::AppendHeader(field->number, field->bytes.size(), header);
    RELAY_CHECK(header.size() ==
                wire::HeaderSize(field->number, field->bytes.size()));
  }
  RELAY_CHECK(fields <= bytes.size() / 2);
  google::protobuf::Empty message;
  // protobuf drops the upper bits of a tag that is too large, and reads on.
  if (message.ParseFromString(std::string(bytes)) &&
      message.SerializeAsString() == bytes) {
    CheckAgainstProtobuf(bytes, message);
  }
  return 0;
}
