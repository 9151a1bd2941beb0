#include "server/base/traceparent.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/random/random.h"

namespace enveloperelay {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// Where the parts of a field begin.
constexpr size_t kTraceId = 3;
constexpr size_t kParentId = 36;
constexpr size_t kFlags = 53;
constexpr size_t kTraceIdSize = 32;
constexpr size_t kParentIdSize = 16;
constexpr size_t kPartSize = 2;  // of the version and of the flags

bool IsLowerHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) &&
         text.find_first_not_of('0') != std::string_view::npos;
}

// Writes 16 digits of a number that is not 0.
void WriteRandom(std::span<char, kParentIdSize> digits) {
  thread_local absl::InsecureBitGen random;
  uint64_t bits = 0;
  while (bits == 0) bits = random();
  for (char& digit : digits) {
    digit = kDigits[bits >> 60U];
    bits <<= 4U;
  }
}

}  // namespace

std::optional<Traceparent> Traceparent::Read(std::string_view field) {
  if (field.size() < kSize) return std::nullopt;
  const std::string_view version = field.substr(0, kPartSize);
  const bool later = version != "00";
  // A later version may have more behind a dash.
  const bool complete = field.size() == kSize || (later && field[kSize] == '-');
  if (!complete || !IsLowerHex(version) || version == "ff" ||
      field[kTraceId - 1] != '-' || field[kParentId - 1] != '-' ||
      field[kFlags - 1] != '-' || !IsId(field.substr(kTraceId, kTraceIdSize)) ||
      !IsId(field.substr(kParentId, kParentIdSize)) ||
      !IsLowerHex(field.substr(kFlags, kPartSize))) {
    return std::nullopt;
  }
  Traceparent traceparent;
  field.copy(traceparent.text_.data(), kSize);
  if (later) {
    traceparent.text_[0] = '0';
    traceparent.text_[1] = '0';
    // Of the flags version 00 has the last bit.
    const size_t flags = kDigits.find(field[kSize - 1]);
    traceparent.text_[kFlags] = '0';
    traceparent.text_[kSize - 1] = kDigits[flags & 1U];
  }
  return traceparent;
}

Traceparent Traceparent::Make() {
  Traceparent traceparent;
  const std::span<char, kSize> text = traceparent.text_;
  text[0] = '0';
  text[1] = '0';
  text[kTraceId - 1] = '-';
  WriteRandom(text.subspan<kTraceId, kParentIdSize>());
  WriteRandom(text.subspan<kTraceId + kParentIdSize, kParentIdSize>());
  text[kParentId - 1] = '-';
  WriteRandom(text.subspan<kParentId, kParentIdSize>());
  text[kFlags - 1] = '-';
  text[kFlags] = '0';
  text[kFlags + 1] = '0';
  return traceparent;
}

std::string_view TraceIdOf(std::string_view traceparent) {
  return traceparent.size() == Traceparent::kSize
             ? traceparent.substr(kTraceId, kTraceIdSize)
             : std::string_view();
}

}  // namespace enveloperelay
