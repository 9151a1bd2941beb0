#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_FIRST_SEEN_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_FIRST_SEEN_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace enveloperelay {

// What a name in a webhook names.
enum class NameKind : uint8_t { kEvent, kAction, kField };

inline constexpr NameKind kNameKindLast = NameKind::kField;

// "event", "action" or "field".
std::string_view ToString(NameKind kind);

// Remembers the names in webhooks that this version does not know, and tells
// when one is there for the first time since the start of the process: what
// Sign.Plus has added is to be looked at. Thread-safe, without a lock.
class FirstSeen {
 public:
  // Further names are not told of.
  static constexpr size_t kNamesMax = 256;
  // Names are cut to this, and told apart by what is left.
  static constexpr size_t kNameBytesMax = 64;

  // Told a name for the first time, on the thread that has seen it. The name is
  // printable ASCII: everything else is escaped. `traceparent` is the
  // webhook's.
  using OnFirst = std::function<void(NameKind kind, const std::string& name,
                                     std::string_view traceparent)>;

  explicit FirstSeen(OnFirst on_first) : on_first_(std::move(on_first)) {}
  ~FirstSeen() = default;
  FirstSeen(const FirstSeen&) = delete;
  FirstSeen& operator=(const FirstSeen&) = delete;

  // `name`, which holds no secret, stands in a webhook and is not known.
  void See(NameKind kind, std::string_view name, std::string_view traceparent);

 private:
  // Twice as many places as names, so that one is soon found, or found missing.
  static constexpr size_t kPlaces = 2 * kNamesMax;

  const OnFirst on_first_;
  std::atomic<size_t> count_ = 0;
  // Hashes of names, each at the first free place from the one that it asks
  // for. 0: free.
  std::array<std::atomic<uint64_t>, kPlaces> places_{};
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_FIRST_SEEN_H_
