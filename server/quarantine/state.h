#ifndef ENVELOPE_RELAY_SERVER_QUARANTINE_STATE_H_
#define ENVELOPE_RELAY_SERVER_QUARANTINE_STATE_H_

#include <string>
#include <string_view>
#include <vector>

#include "enveloperelay/v1/quarantine.pb.h"
#include "server/log/state_store.h"

// Under which keys the quarantine is stored; STATE.md says it byte by byte.
namespace enveloperelay {

// First byte of a key of StateTable::kQuarantine; an id follows.
enum class QuarantineKey : char {
  kEntry = 'e',    // internal::StoredQuarantined
  kBody = 'b',     // the body as it is
  kRepeats = 'c',  // internal::StoredRepeats
};

// Names a body kept for `reason`: the same for the same two. Thread-safe.
std::string QuarantineId(v1::QuarantineReason reason, std::string_view body);

std::string KeyOf(QuarantineKey kind, std::string_view id);
// All keys of a kind: from here to before the next.
std::string FirstKeyOf(QuarantineKey kind);
std::string EndKeyOf(QuarantineKey kind);
// The id of any of those keys.
std::string_view IdOf(std::string_view key);

StateChange PutQuarantine(QuarantineKey kind, std::string_view id,
                          std::string value);
// Adds the removal of all that is stored of a body.
void RemoveQuarantine(std::string_view id, std::vector<StateChange>& changes);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_QUARANTINE_STATE_H_
