// Delivery ids: a lease has one spelling, nothing else is one, and what a
// client makes up costs no more than its length.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/log/sequence.h"
#include "server/subscriptions/lease_id.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

void CheckText(std::string_view text) {
  const std::optional<LeaseId> id = DecodeLeaseId(text);
  if (!id.has_value()) return;
  RELAY_CHECK(!id->events.empty() && id->events.size() <= kLeaseEventsMax);
  RELAY_CHECK(EncodeLeaseId(*id) == text);
}

// `body` as text with check digits that are right.
std::string Sealed(std::string body) {
  const uint32_t crc = Crc32c(body);
  for (int shift = 24; shift >= 0; shift -= 8) {
    body.push_back(static_cast<char>(crc >> shift));
  }
  return absl::WebSafeBase64Escape(body);
}

void CheckRoundTrip(testing::FuzzInput input) {
  LeaseId id{.epoch = input.Number(), .number = input.Number(), .events = {}};
  uint64_t next = input.Number();
  while (!input.empty() && id.events.size() < kLeaseEventsMax) {
    const uint64_t gap = uint64_t{1} << (input.Byte() % 64);
    if (next > UINT64_MAX - 1 - gap) break;
    next += gap;
    id.events.push_back(Sequence{next});
  }
  if (id.events.empty()) return;
  std::string text = EncodeLeaseId(id);
  const std::optional<LeaseId> decoded = DecodeLeaseId(text);
  RELAY_CHECK(decoded.has_value() && decoded->epoch == id.epoch &&
              decoded->number == id.number && decoded->events == id.events);
  // One character that is another one.
  char& tampered = text[id.epoch % text.size()];
  tampered = tampered == 'A' ? 'B' : 'A';
  RELAY_CHECK(!DecodeLeaseId(text).has_value());
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const testing::FuzzInput input(data, size);
  const std::string bytes(testing::FuzzInput(input).Rest());
  CheckText(bytes);
  CheckText(Sealed(bytes));
  CheckRoundTrip(input);
  return 0;
}
