#ifndef ENVELOPE_RELAY_SERVER_STREAM_WIRE_H_
#define ENVELOPE_RELAY_SERVER_STREAM_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The little of protobuf's wire format that is needed to look into stored
// records and to frame them again without parsing them
// (https://protobuf.dev/programming-guides/encoding).
namespace enveloperelay::wire {

enum class Type : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kFixed32 = 5,
};

constexpr size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// Appends the tag and the length that precede a length-delimited value.
void AppendHeader(uint32_t field, size_t length, std::string& out);

// Bytes that AppendHeader appends.
constexpr size_t HeaderSize(uint32_t field, size_t length) {
  return VarintSize(uint64_t{field} << 3) + VarintSize(length);
}

// One field of a message.
struct Field {
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t varint = 0;          // value of a kVarint
  std::string_view bytes = {};  // value of anything else
};

// Walks the fields of an encoded message, in their order, without copying.
class FieldReader {
 public:
  // `message` outlives the fields.
  explicit FieldReader(std::string_view message) : rest_(message) {}

  // Returns the next field; nothing at the end, or where the bytes are no
  // message.
  std::optional<Field> Next();

 private:
  std::optional<uint64_t> TakeVarint();
  std::optional<std::string_view> TakeBytes(uint64_t size);

  std::string_view rest_;
};

}  // namespace enveloperelay::wire

#endif  // ENVELOPE_RELAY_SERVER_STREAM_WIRE_H_
