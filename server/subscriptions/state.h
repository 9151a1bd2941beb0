#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_STATE_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_STATE_H_

#include <optional>
#include <string>
#include <string_view>

#include "server/log/sequence.h"
#include "server/log/state_store.h"

// Under which keys the state of subscriptions is stored; STATE.md says it byte
// by byte.
namespace enveloperelay {

// First byte of a key of StateTable::kSubscriptions.
enum class StateKind : char {
  kSettings = 's',  // internal::StoredSubscription
  kHead = 'h',      // internal::SubscriptionHead
  kLease = 'l',     // by number: internal::StoredLease
  kWaiting = 'w',   // by sequence: internal::StoredWaiting
  kBlocked = 'b',   // by first blocked sequence: how many, 8 bytes
};

// Key of what a subscription has one of.
std::string StateKey(StateKind kind, std::string_view subscription);
// Key of what it has many of. Keys of one kind are in the order of numbers.
std::string StateKey(StateKind kind, std::string_view subscription,
                     uint64_t number);
// Key in StateTable::kDeadLetters.
std::string DeadLetterKey(std::string_view subscription, Sequence sequence);

// The number at the end of a key; nothing if it has none.
std::optional<uint64_t> NumberOf(std::string_view key);
// The name of the subscription that a kSettings key is about.
std::string_view NameOf(std::string_view settings_key);

// All keys of a kind: of one subscription, or of all.
struct KeyRange {
  std::string begin;
  std::string end;  // exclusive
};
KeyRange KeysOf(StateKind kind, std::string_view subscription);
KeyRange KeysOf(StateKind kind);
KeyRange DeadLetterKeysOf(std::string_view subscription);

StateChange PutState(StateTable table, std::string key, std::string value);
StateChange RemoveState(StateTable table, std::string key);
StateChange RemoveRange(StateTable table, KeyRange range);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_STATE_H_
