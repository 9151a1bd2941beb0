// The stored state of subscriptions: a lease is read or refused with bounded
// work, and one that was read is written and read again as it was.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/check.h"
#include "server/log/sequence.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/leases.h"
#include "server/subscriptions/state.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

void CheckLease(uint64_t number, std::string_view value) {
  std::optional<Lease> lease = DecodeLease(number, value);
  if (!lease.has_value()) return;
  RELAY_CHECK(lease->number == number);
  RELAY_CHECK(!lease->events.empty() &&
              lease->events.size() <= kLeaseEventsMax);
  Sequence last{};
  for (const LeasedEvent& leased : lease->events) {
    RELAY_CHECK(leased.event.sequence > last && !leased.gone);
    last = leased.event.sequence;
  }
  Leases leases;
  const Lease& added = leases.Add(*std::move(lease));
  const std::string encoded = EncodeLease(added);
  const std::optional<Lease> again = DecodeLease(number, encoded);
  RELAY_CHECK(again.has_value() && again->events.size() == added.events.size());
  // It has the earliest deadline now, which is another way to say the same.
  for (size_t i = 0; i < added.events.size(); ++i) {
    const LeasedEvent& before = added.events[i];
    const LeasedEvent& after = again->events[i];
    RELAY_CHECK(before.event.sequence == after.event.sequence &&
                before.event.attempts == after.event.attempts &&
                before.event.copied == after.event.copied &&
                before.event.returned_by == after.event.returned_by &&
                before.deadline_micros == after.deadline_micros);
  }
}

void CheckKeys(uint64_t number, std::string_view bytes) {
  static_cast<void>(NumberOf(bytes));
  static_cast<void>(NameOf(bytes));
  const std::string key = StateKey(StateKind::kLease, bytes, number);
  RELAY_CHECK(NumberOf(key) == number);
  const KeyRange range = KeysOf(StateKind::kLease, bytes);
  RELAY_CHECK(range.begin <= key && key < range.end);
  RELAY_CHECK(NameOf(StateKey(StateKind::kSettings, bytes)) == bytes);
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  const uint64_t number = input.Number();
  const std::string_view rest = input.Rest();
  CheckLease(number, rest);
  CheckKeys(number, rest);
  return 0;
}
