#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORMAT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/envelopectl/output.h"
#include "client/webhook/poster.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/message.h"

namespace enveloperelay::client {

// Where and how results are printed.
struct Console {
  Output& output;
  OutputFormat format;
  bool colors;
};

// Returns `message` in the canonical JSON mapping of Protobuf, as one line with
// its end.
// Errors: kInternal (it has no JSON form, e.g. a time out of range).
absl::StatusOr<std::string> JsonLine(const google::protobuf::Message& message);

// Writes it to `output`, not flushed.
// Errors: as JsonLine.
absl::Status WriteJson(const google::protobuf::Message& message,
                       Output& output);

// What people read. `colors`: with the escape sequences of a terminal.

// Rows of a table of events, each with its line end.
std::string EventHeader(bool colors);
std::string EventRow(const v1::EnvelopeEvent& event, bool colors);

// Writes an event as a row or as JSON, not flushed.
// Errors: as JsonLine.
absl::Status WriteEvent(const v1::EnvelopeEvent& event, const Console& console);

// One event on several lines, without its payload.
std::string EventDetails(const v1::EnvelopeEvent& event);

// The bounds of the log.
std::string LogDetails(const v1::GetLogResponse& log);

// Rows of a table of webhooks that were posted.
std::string StoredHeader(bool colors);
std::string StoredRow(const std::string& what, const StoredWebhook& stored);

// The answer to a webhook as the relay gave it, as one line with its end.
std::string StoredJson(const StoredWebhook& stored);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_FORMAT_H_
