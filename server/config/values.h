#ifndef ENVELOPE_RELAY_SERVER_CONFIG_VALUES_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace enveloperelay {

// Reads a duration: whole numbers with units ms, s, m, h or d (24 h), largest
// unit first, such as "500ms", "10m" or "1h30m"; or "0". Nothing if `text` is
// none or is longer than about 292,000 years.
std::optional<absl::Duration> ParseDuration(std::string_view text);

// Reads a number of bytes: a whole number with one of the units KiB, MiB, GiB
// or TiB, or without one, such as "64MiB" or "1000000". Nothing if `text` is
// none or does not fit into 64 bits.
std::optional<uint64_t> ParseSize(std::string_view text);

// Reads a whole number, digits only.
std::optional<uint64_t> ParseCount(std::string_view text);

// Reads "true" or "false".
std::optional<bool> ParseFlag(std::string_view text);

// Write them as they are read, in the largest units that hold the whole value.
std::string DurationText(absl::Duration duration);
std::string SizeText(uint64_t bytes);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_VALUES_H_
