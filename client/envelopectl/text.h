#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/time/time.h"
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

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_TEXT_H_
