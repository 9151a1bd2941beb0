#include "server/quarantine/quarantine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/internal/quarantine_state.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/logging.h"
#include "server/base/mutex.h"
#include "server/log/state_store.h"
#include "server/quarantine/metrics.h"
#include "server/quarantine/state.h"

namespace enveloperelay {
namespace {

constexpr size_t kContentTypeBytesMax = 256;
// About what a body takes besides itself.
constexpr size_t kOverheadBytes = 512;

// A header field is any bytes; a string of a proto is UTF-8.
std::string Printable(std::string text) {
  if (text.size() > kContentTypeBytesMax) text.resize(kContentTypeBytesMax);
  std::ranges::replace_if(
      text, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return text;
}

void SetTime(int64_t micros, google::protobuf::Timestamp& time) {
  int64_t seconds = micros / 1'000'000;
  int64_t rest = micros % 1'000'000;
  if (rest < 0) {
    --seconds;
    rest += 1'000'000;
  }
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(rest * 1000));
}

absl::Status Unreadable(std::string_view key) {
  return absl::DataLossError(absl::StrCat("what is stored of the body ",
                                          std::string(IdOf(key)),
                                          " in quarantine cannot be read"));
}

template <typename Message>
bool Parse(std::string_view value, Message& message) {
  return message.ParseFromArray(value.data(), static_cast<int>(value.size()));
}

}  // namespace

absl::Status Quarantine::LoadEntries(Entries& entries) const {
  absl::Status damage;
  const absl::Status scanned =
      store_.Scan(StateTable::kQuarantine, FirstKeyOf(QuarantineKey::kEntry),
                  EndKeyOf(QuarantineKey::kEntry),
                  [&](std::string_view key, std::string_view value) {
                    internal::StoredQuarantined stored;
                    if (!Parse(value, stored) || stored.number() == 0) {
                      damage = Unreadable(key);
                      return false;
                    }
                    entries[stored.number()] = {
                        .id = std::string(IdOf(key)),
                        .reason = stored.reason(),
                        .body_bytes = stored.body_bytes(),
                        .first_micros = stored.first_receive_micros(),
                        .last_micros = stored.first_receive_micros()};
                    return true;
                  });
  return scanned.ok() ? damage : scanned;
}

absl::Status Quarantine::LoadRepeats(
    const absl::flat_hash_map<std::string, uint64_t>& numbers,
    Entries& entries) const {
  absl::Status damage;
  const absl::Status scanned =
      store_.Scan(StateTable::kQuarantine, FirstKeyOf(QuarantineKey::kRepeats),
                  EndKeyOf(QuarantineKey::kRepeats),
                  [&](std::string_view key, std::string_view value) {
                    internal::StoredRepeats stored;
                    if (!Parse(value, stored)) damage = Unreadable(key);
                    const auto number = numbers.find(std::string(IdOf(key)));
                    if (!damage.ok() || number == numbers.end())
                      return damage.ok();
                    Entry& entry = entries[number->second];
                    entry.count = stored.count();
                    entry.last_micros = stored.last_receive_micros();
                    return true;
                  });
  return scanned.ok() ? damage : scanned;
}

absl::Status Quarantine::Load() {
  Entries entries;
  absl::Status status = LoadEntries(entries);
  if (!status.ok()) return status;
  absl::flat_hash_map<std::string, uint64_t> numbers;
  uint64_t bytes = 0;
  for (const auto& [number, entry] : entries) {
    numbers.emplace(entry.id, number);
    bytes += entry.body_bytes;
  }
  status = LoadRepeats(numbers, entries);
  if (!status.ok()) return status;
  {
    const MutexLock lock(mutex_);
    if (!entries.empty()) last_number_ = std::prev(entries.end())->first;
    entries_ = std::move(entries);
    numbers_ = std::move(numbers);
    bytes_ = bytes;
    metrics_.SetKept(entries_.size(), bytes_);
    // The limits may have become smaller since.
    PendingWrite write;
    RemoveExcess(limits_.bodies_max, limits_.bytes_max, write.changes);
    if (!write.changes.empty()) waiting_.push_back(std::move(write));
  }
  Prune();
  return absl::OkStatus();
}

void Quarantine::Keep(RefusedWebhook webhook, Done done) {
  if (limits_.bodies_max == 0) {
    std::move(done)(absl::OkStatus());
    return;
  }
  const size_t bytes = webhook.body.size() + kOverheadBytes;
  if (!ReservePending(bytes)) {
    metrics_.Failed();
    std::move(done)(absl::ResourceExhaustedError(
        "too many bodies are on their way into quarantine"));
    return;
  }
  {
    const MutexLock lock(mutex_);
    PendingWrite write = PrepareKeep(std::move(webhook));
    write.bytes = bytes;
    write.done = std::move(done);
    waiting_.push_back(std::move(write));
  }
  Flush();
}

bool Quarantine::ReservePending(size_t bytes) {
  const MutexLock lock(mutex_);
  if (bytes > limits_.pending_bytes_max - pending_bytes_) return false;
  pending_bytes_ += bytes;
  return true;
}

Quarantine::PendingWrite Quarantine::PrepareKeep(RefusedWebhook webhook) {
  PendingWrite write;
  RemoveOld(write.changes);
  std::string id = QuarantineId(webhook.reason, webhook.body);
  const auto known = numbers_.find(id);
  if (known != numbers_.end()) {
    metrics_.Repeated(webhook.reason);
    PutRepeat(webhook, entries_[known->second], write);
  } else {
    MakeRoom(webhook.body.size(), write.changes);
    metrics_.Kept(webhook.reason);
    PutNew(std::move(id), std::move(webhook), write);
  }
  return write;
}

void Quarantine::PutNew(std::string id, RefusedWebhook webhook,
                        PendingWrite& write) {
  const int64_t micros = absl::ToUnixMicros(webhook.receive_time);
  const auto body_bytes = static_cast<uint32_t>(webhook.body.size());
  write.number = ++last_number_;
  internal::StoredQuarantined stored;
  stored.set_number(write.number);
  stored.set_reason(webhook.reason);
  stored.set_detail(std::move(webhook.detail));
  stored.set_content_type(Printable(std::move(webhook.content_type)));
  stored.set_traceparent(std::move(webhook.traceparent));
  stored.set_first_receive_micros(micros);
  stored.set_body_bytes(body_bytes);
  write.changes.push_back(
      PutQuarantine(QuarantineKey::kEntry, id, stored.SerializeAsString()));
  write.changes.push_back(
      PutQuarantine(QuarantineKey::kBody, id, std::move(webhook.body)));
  numbers_.emplace(id, write.number);
  entries_.emplace(write.number, Entry{.id = std::move(id),
                                       .reason = webhook.reason,
                                       .body_bytes = body_bytes,
                                       .first_micros = micros,
                                       .last_micros = micros});
  bytes_ += body_bytes;
  metrics_.SetKept(entries_.size(), bytes_);
}

void Quarantine::PutRepeat(const RefusedWebhook& webhook, Entry& entry,
                           PendingWrite& write) {
  ++entry.count;
  entry.last_micros =
      std::max(entry.last_micros, absl::ToUnixMicros(webhook.receive_time));
  internal::StoredRepeats stored;
  stored.set_count(entry.count);
  stored.set_last_receive_micros(entry.last_micros);
  write.changes.push_back(PutQuarantine(QuarantineKey::kRepeats, entry.id,
                                        stored.SerializeAsString()));
}

void Quarantine::MakeRoom(size_t body_bytes,
                          std::vector<StateChange>& changes) {
  const uint64_t bytes_left =
      limits_.bytes_max - std::min<uint64_t>(limits_.bytes_max, body_bytes);
  const size_t before = changes.size();
  RemoveExcess(limits_.bodies_max - 1, bytes_left, changes);
  if (changes.size() == before || told_full_) return;
  told_full_ = true;
  LogWarning(
      "the quarantine is full: the oldest bodies go for new ones; look at them "
      "and delete or retry them, or raise --quarantine-max or "
      "--quarantine-bytes-max");
}

void Quarantine::RemoveExcess(size_t bodies_max, uint64_t bytes_max,
                              std::vector<StateChange>& changes) {
  while (entries_.size() > bodies_max) {
    Remove(entries_.begin(), QuarantineExit::kCount, changes);
  }
  while (bytes_ > bytes_max) {
    Remove(entries_.begin(), QuarantineExit::kBytes, changes);
  }
}

void Quarantine::RemoveOld(std::vector<StateChange>& changes) {
  const absl::Time oldest = clock_.Now() - limits_.age;
  while (!entries_.empty() &&
         absl::FromUnixMicros(entries_.begin()->second.first_micros) < oldest) {
    Remove(entries_.begin(), QuarantineExit::kAge, changes);
  }
}

void Quarantine::Remove(Entries::iterator entry, QuarantineExit cause,
                        std::vector<StateChange>& changes) {
  RemoveQuarantine(entry->second.id, changes);
  metrics_.Removed(cause);
  Forget(entry);
}

void Quarantine::Forget(Entries::iterator entry) {
  numbers_.erase(entry->second.id);
  bytes_ -= entry->second.body_bytes;
  entries_.erase(entry);
  metrics_.SetKept(entries_.size(), bytes_);
}

std::vector<Quarantine::Listed> Quarantine::List(const Selection& selection,
                                                 size_t max) const {
  std::vector<Listed> list;
  // False when no more are wanted.
  const auto add = [&](const Entries::value_type& entry) {
    if (list.size() == max) return false;
    if (selection.reason == v1::QUARANTINE_REASON_UNSPECIFIED ||
        selection.reason == entry.second.reason) {
      list.push_back({.number = entry.first, .id = entry.second.id});
    }
    return true;
  };
  const MutexLock lock(mutex_);
  if (selection.oldest_first) {
    auto it = selection.after.has_value()
                  ? entries_.upper_bound(*selection.after)
                  : entries_.begin();
    while (it != entries_.end() && add(*it)) ++it;
  } else {
    auto it = selection.after.has_value()
                  ? entries_.lower_bound(*selection.after)
                  : entries_.end();
    while (it != entries_.begin() && add(*std::prev(it))) --it;
  }
  return list;
}

bool Quarantine::Contains(const std::string& id) const {
  const MutexLock lock(mutex_);
  return numbers_.contains(id);
}

absl::StatusOr<v1::QuarantinedWebhook> Quarantine::Get(const std::string& id,
                                                       bool with_body) const {
  v1::QuarantinedWebhook webhook;
  {
    const MutexLock lock(mutex_);
    const auto number = numbers_.find(id);
    if (number == numbers_.end()) return absl::NotFoundError("no such body");
    const Entry& entry = entries_.at(number->second);
    webhook.set_id(entry.id);
    webhook.set_count(entry.count);
    SetTime(entry.first_micros, *webhook.mutable_first_receive_time());
    SetTime(entry.last_micros, *webhook.mutable_last_receive_time());
  }
  const std::string key = KeyOf(QuarantineKey::kEntry, id);
  // It may not be durable yet, or be on its way out: then it is not there.
  const absl::StatusOr<std::string> value =
      store_.Get(StateTable::kQuarantine, key);
  if (!value.ok()) return value.status();
  internal::StoredQuarantined stored;
  if (!Parse(*value, stored)) return Unreadable(key);
  webhook.set_reason(stored.reason());
  webhook.set_detail(std::move(*stored.mutable_detail()));
  webhook.set_content_type(std::move(*stored.mutable_content_type()));
  webhook.set_traceparent(std::move(*stored.mutable_traceparent()));
  webhook.set_body_bytes(stored.body_bytes());
  if (!with_body) return webhook;
  absl::StatusOr<std::string> body =
      store_.Get(StateTable::kQuarantine, KeyOf(QuarantineKey::kBody, id));
  if (!body.ok()) return body.status();
  webhook.set_body(*std::move(body));
  return webhook;
}

void Quarantine::Remove(const std::vector<std::string>& ids,
                        QuarantineExit cause, RemoveDone done) {
  {
    size_t count = 0;
    const MutexLock lock(mutex_);
    PendingWrite write;
    for (const std::string& id : ids) {
      const auto number = numbers_.find(id);
      if (number == numbers_.end()) continue;
      Remove(entries_.find(number->second), cause, write.changes);
      ++count;
    }
    if (count > 0) told_full_ = false;
    write.done = [count, done = std::move(done)](absl::Status status) mutable {
      if (status.ok()) {
        std::move(done)(count);
      } else {
        std::move(done)(std::move(status));
      }
    };
    waiting_.push_back(std::move(write));
  }
  Flush();
}

void Quarantine::Prune() {
  {
    const MutexLock lock(mutex_);
    PendingWrite write;
    RemoveOld(write.changes);
    if (!write.changes.empty()) {
      told_full_ = false;
      waiting_.push_back(std::move(write));
    }
  }
  Flush();
}

void Quarantine::Flush() {
  {
    const MutexLock lock(mutex_);
    if (flushing_) return;
    flushing_ = true;
  }
  for (;;) {
    PendingWrite next;
    {
      const MutexLock lock(mutex_);
      if (waiting_.empty()) {
        flushing_ = false;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    store_.Write(std::move(next.changes),
                 [this, bytes = next.bytes, number = next.number,
                  done = std::move(next.done)](absl::Status status) mutable {
                   OnWritten(bytes, number, std::move(done), std::move(status));
                 });
  }
}

void Quarantine::OnWritten(size_t bytes, uint64_t number, Done done,
                           absl::Status status) {
  {
    const MutexLock lock(mutex_);
    pending_bytes_ -= bytes;
    if (!status.ok() && bytes > 0) metrics_.Failed();
    const auto entry = entries_.find(number);
    // What is not there must not be counted as kept.
    if (!status.ok() && entry != entries_.end()) Forget(entry);
  }
  if (done) std::move(done)(std::move(status));
}

}  // namespace enveloperelay
