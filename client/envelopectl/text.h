#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace enveloperelay::client {

// Returns `text`, which a stranger wrote, so that a terminal shows it and obeys
// none of it: control characters, bidirectional overrides, invisible and line
// breaking characters become \n, \t, \r or \u001b; bytes that are not UTF-8
// become \xff.
std::string Escape(std::string_view text);

// As Escape, but line ends and tabs stay: for text of several lines.
std::string EscapeLines(std::string_view text);

// Returns `text` with spaces behind it up to `width` characters (code points);
// a longer one as it is.
std::string Padded(std::string_view text, size_t width);

// "2026-07-17T15:44:10.123Z"; "-" when it is unset.
std::string FormatTimestamp(const google::protobuf::Timestamp& time);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

// Reads "500ms", "10m", "1h30m" or "7d" (a day has 24 h). Nothing: `text` is no
// duration, negative, or longer than ten thousand years.
std::optional<absl::Duration> ParseDuration(std::string_view text);

// "10m", "1h30m".
std::string FormatDuration(const google::protobuf::Duration& duration);

// How long ago something was, in its two largest units: "12s", "3m12s", "2h5m",
// "4d3h". "0s" when it is yet to come, as clocks differ.
std::string FormatAge(absl::Duration age);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_
