#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NAMES_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

// Reads "completed", "envelope_completed" or "EVENT_TYPE_ENVELOPE_COMPLETED",
// in any letter case. Nothing: there is no such type.
std::optional<v1::EventType> ParseEventType(std::string_view text);

// Reads "signed", "envelope_signed" or "AUDIT_ACTION_ENVELOPE_SIGNED", in any
// letter case. Nothing: there is no such action.
std::optional<v1::AuditAction> ParseAuditAction(std::string_view text);

// "completed", "audit_trail"; the name as Sign.Plus spelled it, escaped, when
// its type is unknown.
std::string ShortTypeName(const v1::EnvelopeEvent& event);

// "signed"; "" when it is no audit trail.
std::string ShortActionName(const v1::EnvelopeEvent& event);

// The same of a value alone; its number when it is unknown.
std::string ShortName(v1::EventType type);
std::string ShortName(v1::AuditAction action);

// What the two parsers take, for messages: "completed, expired, ...".
std::string EventTypeChoices();
std::string AuditActionChoices();

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_NAMES_H_
