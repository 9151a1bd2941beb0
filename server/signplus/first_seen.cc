#include "server/signplus/first_seen.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace enveloperelay {
namespace {

// Cuts between characters of UTF-8.
std::string_view Cut(std::string_view name) {
  if (name.size() <= FirstSeen::kNameBytesMax) return name;
  size_t size = FirstSeen::kNameBytesMax;
  while (size > 0 &&
         (static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  return name.substr(0, size);
}

uint64_t HashOf(NameKind kind, std::string_view name) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // spreads the kinds
  const uint64_t hash = std::hash<std::string_view>()(name) ^
                        (static_cast<uint64_t>(kind) + 1) * kOdd;
  return hash == 0 ? 1 : hash;
}

}  // namespace

std::string_view ToString(NameKind kind) {
  switch (kind) {
    case NameKind::kEvent:
      return "event";
    case NameKind::kAction:
      return "action";
    case NameKind::kField:
      break;
  }
  return "field";
}

void FirstSeen::See(NameKind kind, std::string_view name,
                    std::string_view traceparent) {
  const std::string_view cut = Cut(name);
  const uint64_t hash = HashOf(kind, cut);
  for (size_t i = 0; i < kPlaces; ++i) {
    std::atomic<uint64_t>& place = places_.at((hash + i) % kPlaces);
    uint64_t found = place.load(std::memory_order_relaxed);
    if (found == hash) return;
    if (found != 0) continue;
    if (count_.fetch_add(1, std::memory_order_relaxed) >= kNamesMax) {
      count_.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    if (place.compare_exchange_strong(found, hash, std::memory_order_relaxed)) {
      on_first_(kind,
                absl::CHexEscape(absl::string_view(cut.data(), cut.size())),
                traceparent);
      return;
    }
    // Another thread was first, with this name or with another one.
    count_.fetch_sub(1, std::memory_order_relaxed);
    if (found == hash) return;
  }
}

}  // namespace enveloperelay
