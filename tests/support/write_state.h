#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_WRITE_STATE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_WRITE_STATE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/log/state_store.h"

namespace enveloperelay::testing {

// The changes that there are: a value is set, a key removed, a range removed.
StateChange SetKey(StateTable table, std::string key, std::string value);
StateChange RemoveKey(StateTable table, std::string key);
StateChange RemoveRange(StateTable table, std::string begin, std::string end);

// Writes, and waits for the answer: kDeadlineExceeded after a minute.
absl::Status WriteAndWait(StateStore& store, std::vector<StateChange> changes);

// All entries of a table whose keys begin with printable ASCII, in order.
std::vector<std::pair<std::string, std::string>> AllState(
    const StateStore& store, StateTable table);

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_WRITE_STATE_H_
