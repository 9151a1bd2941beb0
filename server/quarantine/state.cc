#include "server/quarantine/state.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/base/sha256.h"
#include "server/log/state_store.h"

namespace enveloperelay {
namespace {

constexpr size_t kIdBytes = 16;

}  // namespace

std::string QuarantineId(v1::QuarantineReason reason, std::string_view body) {
  std::string hashed = std::to_string(static_cast<int>(reason));
  hashed.append(1, '\0').append(body);
  return absl::BytesToHexString(Sha256(hashed).substr(0, kIdBytes));
}

std::string KeyOf(QuarantineKey kind, std::string_view id) {
  return std::string(1, static_cast<char>(kind)).append(id);
}

std::string FirstKeyOf(QuarantineKey kind) { return KeyOf(kind, ""); }

std::string EndKeyOf(QuarantineKey kind) {
  return {static_cast<char>(static_cast<char>(kind) + 1)};
}

std::string_view IdOf(std::string_view key) { return key.substr(1); }

StateChange PutQuarantine(QuarantineKey kind, std::string_view id,
                          std::string value) {
  return {.table = StateTable::kQuarantine,
          .key = KeyOf(kind, id),
          .value = std::move(value),
          .range_end = {}};
}

void RemoveQuarantine(std::string_view id, std::vector<StateChange>& changes) {
  for (const QuarantineKey kind :
       {QuarantineKey::kEntry, QuarantineKey::kBody, QuarantineKey::kRepeats}) {
    changes.push_back({.table = StateTable::kQuarantine,
                       .key = KeyOf(kind, id),
                       .value = std::nullopt,
                       .range_end = {}});
  }
}

}  // namespace enveloperelay
