#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_QUARANTINE_FORMAT_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_QUARANTINE_FORMAT_H_

#include <optional>
#include <string>
#include <string_view>

#include "enveloperelay/v1/quarantine.pb.h"

namespace enveloperelay::client {

// Reads "malformed_json" or "QUARANTINE_REASON_MALFORMED_JSON", in any letter
// case, with '-' for '_' too. Nothing: there is no such reason.
std::optional<v1::QuarantineReason> ParseQuarantineReason(
    std::string_view text);

// What it takes, for messages: "malformed_json, unsupported_media_type, ...".
std::string QuarantineReasonChoices();

// What people read of webhooks in quarantine. `colors`: with the escape
// sequences of a terminal.

// Rows of a table of them, each with its line end.
std::string QuarantinedHeader(bool colors);
std::string QuarantinedRow(const v1::QuarantinedWebhook& webhook);

// One on several lines, without its body.
std::string QuarantinedDetails(const v1::QuarantinedWebhook& webhook);

// Rows of a table of what became of those that were tried again.
std::string RetryHeader(bool colors);
std::string RetryRow(const v1::RetryResult& result, bool colors);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_QUARANTINE_FORMAT_H_
