#include "server/subscriptions/state.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/log/layout.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"

namespace enveloperelay {
namespace {

// Follows the name, in which it cannot stand.
constexpr char kAfterName = '\0';

std::string Named(std::string_view prefix, std::string_view subscription) {
  return std::string(prefix).append(subscription).append(1, kAfterName);
}

KeyRange StartingWith(std::string prefix) {
  std::string end = prefix;
  ++end.back();
  return {.begin = std::move(prefix), .end = std::move(end)};
}

std::string_view Letter(const StateKind& kind) {
  return {reinterpret_cast<const char*>(&kind), 1};
}

}  // namespace

std::string StateKey(StateKind kind, std::string_view subscription) {
  return Named(Letter(kind), subscription);
}

std::string StateKey(StateKind kind, std::string_view subscription,
                     uint64_t number) {
  return StateKey(kind, subscription) + EncodeSequence(Sequence{number});
}

std::string DeadLetterKey(std::string_view subscription, Sequence sequence) {
  return Named("", subscription) + EncodeSequence(sequence);
}

std::optional<uint64_t> NumberOf(std::string_view key) {
  if (key.size() < kSequenceSize) return std::nullopt;
  const std::optional<Sequence> number =
      DecodeSequence(key.substr(key.size() - kSequenceSize));
  if (!number.has_value()) return std::nullopt;
  return number->value;
}

std::string_view NameOf(std::string_view settings_key) {
  return settings_key.size() < 2
             ? std::string_view()
             : settings_key.substr(1, settings_key.size() - 2);
}

KeyRange KeysOf(StateKind kind, std::string_view subscription) {
  return StartingWith(StateKey(kind, subscription));
}

KeyRange KeysOf(StateKind kind) {
  return StartingWith(std::string(Letter(kind)));
}

KeyRange DeadLetterKeysOf(std::string_view subscription) {
  return StartingWith(Named("", subscription));
}

StateChange PutState(StateTable table, std::string key, std::string value) {
  return {.table = table,
          .key = std::move(key),
          .value = std::move(value),
          .range_end = {}};
}

StateChange RemoveState(StateTable table, std::string key) {
  return {.table = table,
          .key = std::move(key),
          .value = std::nullopt,
          .range_end = {}};
}

StateChange RemoveRange(StateTable table, KeyRange range) {
  return {.table = table,
          .key = std::move(range.begin),
          .value = std::nullopt,
          .range_end = std::move(range.end)};
}

}  // namespace enveloperelay
