#include "server/subscriptions/dead_letters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "enveloperelay/internal/subscription_state.pb.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/subscriptions/state.h"

namespace enveloperelay {
namespace {

constexpr StateTable kTable = StateTable::kDeadLetters;

absl::Status Unreadable(const std::string& subscription) {
  return absl::DataLossError(
      absl::StrCat("a dead letter of ", subscription, " cannot be read"));
}

}  // namespace

void DeadLetters::Put(Sequence sequence, internal::StoredDeadLetter letter) {
  put_back_.erase(sequence);
  unwritten_bytes_ += letter.event().size();
  changes_[sequence] =
      std::make_shared<const internal::StoredDeadLetter>(std::move(letter));
}

void DeadLetters::Remove(Sequence sequence) {
  put_back_.erase(sequence);
  changes_[sequence] = nullptr;
}

size_t DeadLetters::TakeBackAll() {
  return std::exchange(put_back_, {}).size();
}

void DeadLetters::CountUnwritten() {
  unwritten_bytes_ = 0;
  for (const auto& [sequence, letter] : changes_) {
    if (letter != nullptr) unwritten_bytes_ += letter->event().size();
  }
}

absl::StatusOr<internal::StoredDeadLetter> DeadLetters::Get(
    Sequence sequence) const {
  for (const Changes* changes : {&changes_, &in_flight_}) {
    const auto found = changes->find(sequence);
    if (found == changes->end()) continue;
    if (found->second != nullptr) return *found->second;
    return absl::NotFoundError("no such dead letter");
  }
  const absl::StatusOr<std::string> value =
      store_.Get(kTable, DeadLetterKey(subscription_, sequence));
  if (!value.ok()) return value.status();
  internal::StoredDeadLetter letter;
  if (!letter.ParseFromString(*value)) return Unreadable(subscription_);
  return letter;
}

DeadLetters::Changes DeadLetters::Unwritten() const {
  Changes all = changes_;
  all.insert(in_flight_.begin(), in_flight_.end());
  return all;
}

absl::Status DeadLetters::ForEach(
    Sequence after,
    absl::FunctionRef<bool(Sequence, const internal::StoredDeadLetter&)> visit)
    const {
  const Changes unwritten = Unwritten();
  auto next = unwritten.upper_bound(after);
  bool going = true;
  // Those that are not in the store, up to `until`.
  const auto visit_unwritten = [&](Sequence until) {
    for (; going && next != unwritten.end() && next->first <= until; ++next) {
      if (next->second != nullptr && !IsPutBack(next->first)) {
        going = visit(next->first, *next->second);
      }
    }
  };
  absl::Status damage;
  KeyRange range = DeadLetterKeysOf(subscription_);
  range.begin = DeadLetterKey(subscription_, after.Next());
  const absl::Status scanned = store_.Scan(
      kTable, range.begin, range.end,
      [&](std::string_view key, std::string_view value) {
        const std::optional<uint64_t> number = NumberOf(key);
        internal::StoredDeadLetter letter;
        if (!number.has_value() ||
            !letter.ParseFromArray(value.data(),
                                   static_cast<int>(value.size()))) {
          damage = Unreadable(subscription_);
          return false;
        }
        const Sequence sequence{*number};
        visit_unwritten(sequence);
        if (going && !unwritten.contains(sequence) && !IsPutBack(sequence)) {
          going = visit(sequence, letter);
        }
        return going;
      });
  if (!scanned.ok()) return scanned;
  if (!damage.ok()) return damage;
  visit_unwritten(Sequence{UINT64_MAX});
  return absl::OkStatus();
}

void DeadLetters::TakeChanges(std::vector<StateChange>& changes) {
  for (auto& [sequence, letter] : changes_) {
    std::string key = DeadLetterKey(subscription_, sequence);
    changes.push_back(letter != nullptr ? PutState(kTable, std::move(key),
                                                   letter->SerializeAsString())
                                        : RemoveState(kTable, std::move(key)));
  }
  in_flight_ = std::exchange(changes_, {});
}

}  // namespace enveloperelay
