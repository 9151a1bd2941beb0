#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"

namespace enveloperelay {

// The dead letters of a subscription, and the copies that those leave behind
// which are put back for delivery. Both are in the store, but for changes that
// are not durable yet; which are put back is known from the events that are
// unsettled. For one thread at a time.
class DeadLetters {
 public:
  // Of letters that are not durable yet, about: where there are so many, no
  // more is taken.
  static constexpr size_t kUnwrittenBytesMax = size_t{64} << 20;

  // `store` outlives it.
  DeadLetters(const StateStore& store, std::string subscription)
      : store_(store), subscription_(std::move(subscription)) {}

  // Is a dead letter from now on.
  void Put(Sequence sequence, internal::StoredDeadLetter letter);
  // Is gone, whether it was put back or not.
  void Remove(Sequence sequence);
  bool HasRoom() const { return unwritten_bytes_ < kUnwrittenBytesMax; }

  // Is no dead letter any more: only its copy stays, until Remove() or Put().
  void PutBack(Sequence sequence) { put_back_.insert(sequence); }
  bool IsPutBack(Sequence sequence) const {
    return put_back_.contains(sequence);
  }
  // The oldest of those that were put back.
  std::optional<Sequence> OldestPutBack() const {
    if (put_back_.empty()) return std::nullopt;
    return *put_back_.begin();
  }
  // All that were put back are dead letters again. Returns how many there are.
  size_t TakeBackAll();

  // A dead letter, or a copy. Blocks on the disk.
  // Errors: kNotFound, kDataLoss, kUnavailable.
  absl::StatusOr<internal::StoredDeadLetter> Get(Sequence sequence) const;

  // Calls `visit` with each dead letter after `after`, in order, until it
  // returns false; it must change nothing here. Blocks on the disk.
  // Errors: kDataLoss, kUnavailable.
  absl::Status ForEach(
      Sequence after,
      absl::FunctionRef<bool(Sequence, const internal::StoredDeadLetter&)>
          visit) const;

  bool has_changes() const { return !changes_.empty(); }
  // Hands over the changes since the last time, to be written.
  void TakeChanges(std::vector<StateChange>& changes);
  // What was taken last is durable.
  void OnDurable() {
    in_flight_.clear();
    CountUnwritten();
  }

 private:
  // Null: removed.
  using Changes =
      std::map<Sequence, std::shared_ptr<const internal::StoredDeadLetter>>;

  Changes Unwritten() const;
  void CountUnwritten();

  const StateStore& store_;
  const std::string subscription_;
  absl::btree_set<Sequence> put_back_;
  Changes changes_;
  Changes in_flight_;  // older
  size_t unwritten_bytes_ = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_DEAD_LETTERS_H_
