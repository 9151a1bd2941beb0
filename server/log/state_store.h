#ifndef ENVELOPE_RELAY_SERVER_LOG_STATE_STORE_H_
#define ENVELOPE_RELAY_SERVER_LOG_STATE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace enveloperelay {

// Where state is kept. Each table has keys of its own, in the order of their
// bytes.
enum class StateTable : uint8_t {
  kSubscriptions,  // small and rewritten often
  kDeadLetters,    // copies of events
  kQuarantine,     // bodies that were no events
};

// One change of a table: a value is set, a key removed, or a range of keys
// removed.
struct StateChange {
  StateTable table = StateTable::kSubscriptions;
  std::string key;
  // Nothing: `key` is removed, which may be missing.
  std::optional<std::string> value;
  // Not empty: all keys from `key` to before this are removed, none if it is
  // not after `key`. `value` is nothing then. For what happens rarely, such as
  // to remove all that begins with a prefix: thousands of ranges that overlap
  // make reads and writes of their table slow.
  std::string range_end;
};

// Keeps what is to be remembered beside the events: keys and values of bytes.
// Thread-safe.
class StateStore {
 public:
  using WriteDone = absl::AnyInvocable<void(absl::Status) &&>;

  virtual ~StateStore() = default;

  // Applies `changes` in their order, all or none, and calls `done` once, when
  // that is durable or has failed, on a thread of the store that must not be
  // held up. May call it before it returns. Writes are applied in the order in
  // which they were handed in, however many wait: who writes bounds what it has
  // under way. Non-blocking.
  // Errors: kUnavailable (closing, or storage has failed for good).
  virtual void Write(std::vector<StateChange> changes, WriteDone done) = 0;

  // Returns a value. Blocks on the disk.
  // Errors: kNotFound, kDataLoss, kUnavailable.
  virtual absl::StatusOr<std::string> Get(StateTable table,
                                          std::string_view key) const = 0;

  // Calls `visit` with each entry from `begin` to before `end`, in the order of
  // keys, until it returns false. What it is given is valid within the call, in
  // which the store is not to be used. Blocks on the disk.
  // Errors: kDataLoss, kUnavailable.
  virtual absl::Status Scan(
      StateTable table, std::string_view begin, std::string_view end,
      absl::FunctionRef<bool(std::string_view key, std::string_view value)>
          visit) const = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_STATE_STORE_H_
