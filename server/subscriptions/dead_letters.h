#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"

namespace enveloperelay {

// The dead letters of a subscription and those that were put back: in the
// store, but for changes that are not durable yet. For one thread at a time.
class DeadLetters {
 public:
  // `store` outlives it.
  DeadLetters(const StateStore& store, std::string subscription)
      : store_(store), subscription_(std::move(subscription)) {}

  void Put(Sequence sequence, internal::StoredDeadLetter letter);
  void Remove(Sequence sequence);

  // Blocks on the disk. Errors: kNotFound, kDataLoss, kUnavailable.
  absl::StatusOr<internal::StoredDeadLetter> Get(Sequence sequence) const;

  // Calls `visit` with each one after `after`, in order, until it returns
  // false; it must change nothing here. Blocks on the disk.
  // Errors: kDataLoss, kUnavailable.
  absl::Status ForEach(
      Sequence after,
      absl::FunctionRef<bool(Sequence, const internal::StoredDeadLetter&)>
          visit) const;

  bool has_changes() const { return !changes_.empty(); }
  // Hands over the changes since the last time, to be written.
  void TakeChanges(std::vector<StateChange>& changes);
  // What was taken last is durable.
  void OnDurable() { in_flight_.clear(); }

 private:
  // Nothing: removed.
  using Changes = std::map<Sequence, std::optional<internal::StoredDeadLetter>>;

  Changes Unwritten() const;

  const StateStore& store_;
  const std::string subscription_;
  Changes changes_;
  Changes in_flight_;  // older
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_
