#include "server/quarantine/state.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "enveloperelay/v1/quarantine.pb.h"
#include "server/base/check.h"
#include "server/log/state_store.h"

namespace enveloperelay {
namespace {

constexpr size_t kIdBytes = 16;

}  // namespace

std::string QuarantineId(v1::QuarantineReason reason, std::string_view body) {
  std::string hashed = std::to_string(static_cast<int>(reason));
  hashed.append(1, '\0').append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  RELAY_CHECK(EVP_Digest(hashed.data(), hashed.size(), digest.data(), &size,
                         EVP_sha256(), nullptr) == 1 &&
              size >= kIdBytes);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  for (size_t i = 0; i < kIdBytes; ++i) {
    id.push_back(kHex[digest.at(i) >> 4U]);
    id.push_back(kHex[digest.at(i) & 0x0FU]);
  }
  return id;
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
