#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_EVENT_ID_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_EVENT_ID_H_

#include <string>
#include <string_view>

namespace enveloperelay {

// What makes two webhooks the same event. Sign.Plus gives an event no id of its
// own; hook.id names the registration of the webhook, so it is no part of it.
struct EventIdentity {
  std::string_view event = {};  // hook.event, in any letter case
  std::string_view envelope_id = {};
  std::string_view data_id = {};
  std::string_view uid = {};
  std::string_view file_name = {};
  std::string_view recipient_id = {};
  std::string_view action = {};  // data.action, in any letter case
  // Tells repeats apart that have an identical body: the time from the Unix
  // epoch to the receive time, divided by the length of the window and rounded
  // down, in decimal. Empty for what happens once.
  std::string_view window = {};
};

// Returns the event's UUID, lower case with hyphens: version 8 (RFC 9562,
// section 5.8), its other bits the first ones of SHA-256 over these strings,
// each behind its length in bytes as 4 bytes, most significant first:
// "signplus", event in lower case, envelope_id, data_id, uid, file_name,
// recipient_id, action in lower case, window. Lower case is that of ASCII.
// Stored events depend on it: it never changes. Thread-safe.
std::string MakeEventId(const EventIdentity& identity);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_EVENT_ID_H_
