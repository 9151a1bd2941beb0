#include "server/stream/wire.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace enveloperelay::wire {
namespace {

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
}

}  // namespace

void AppendHeader(uint32_t field, size_t length, std::string& out) {
  AppendVarint(
      (uint64_t{field} << 3) | static_cast<uint64_t>(Type::kLengthDelimited),
      out);
  AppendVarint(length, out);
}

std::optional<uint64_t> FieldReader::TakeVarint() {
  uint64_t value = 0;
  for (size_t i = 0; i < 10 && i < rest_.size(); ++i) {
    const auto byte = static_cast<uint8_t>(rest_[i]);
    value |= uint64_t{byte & 0x7FU} << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> FieldReader::TakeBytes(uint64_t size) {
  if (size > rest_.size()) return std::nullopt;
  const std::string_view bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return bytes;
}

std::optional<Field> FieldReader::Next() {
  if (rest_.empty()) return std::nullopt;
  const std::optional<uint64_t> tag = TakeVarint();
  if (!tag.has_value() || *tag > UINT32_MAX) return std::nullopt;
  Field field{.number = static_cast<uint32_t>(*tag >> 3),
              .type = static_cast<Type>(*tag & 7)};

  std::optional<uint64_t> number = 0;
  switch (field.type) {
    case Type::kVarint:
      number = TakeVarint();
      if (!number.has_value()) return std::nullopt;
      field.varint = *number;
      return field;
    case Type::kLengthDelimited:
      number = TakeVarint();
      break;
    case Type::kFixed64:
      number = 8;
      break;
    case Type::kFixed32:
      number = 4;
      break;
    default:  // groups (3, 4) do not exist in proto3
      return std::nullopt;
  }
  if (!number.has_value()) return std::nullopt;
  const std::optional<std::string_view> bytes = TakeBytes(*number);
  if (!bytes.has_value()) return std::nullopt;
  field.bytes = *bytes;
  return field;
}

}  // namespace enveloperelay::wire
