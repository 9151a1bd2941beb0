#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TABLE_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace enveloperelay::client {

// What tables and lists of fields are made of.

inline constexpr std::string_view kBold = "\x1b[1m";
inline constexpr std::string_view kRed = "\x1b[31m";
inline constexpr std::string_view kGreen = "\x1b[32m";
inline constexpr std::string_view kYellow = "\x1b[33m";
inline constexpr std::string_view kCyan = "\x1b[36m";

// Widths of columns in several tables; what is longer pushes the rest aside.
inline constexpr size_t kSequenceWidth = 9;
inline constexpr size_t kTimeWidth = 24;
inline constexpr size_t kTypeWidth = 11;
inline constexpr size_t kEnvelopeWidth = 24;

// Returns `text` in `color`, if `colors`.
std::string Colored(std::string text, std::string_view color, bool colors);

// "name:   value" with its line end; nothing when there is no value.
std::string Field(std::string_view name, std::string_view value);

std::string Number(uint64_t value);

// Returns `text`, which is ASCII, with spaces before it up to `width`.
std::string RightAligned(std::string_view text, size_t width);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TABLE_H_
