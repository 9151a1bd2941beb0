// EventFilter: any bytes can be asked about, and the answer about an event is
// that of its parsed message.
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/stream/filter.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

// As events.proto says it.
template <typename List, typename Value>
bool Passes(const List& list, const Value& value) {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

bool MatchesSlowly(const v1::EventFilter& filter,
                   const v1::EnvelopeEvent& event) {
  const bool wants_audit_trail =
      !filter.audit_actions().empty() || !filter.recipient_ids().empty();
  return Passes(filter.types(), event.type()) &&
         Passes(filter.envelope_ids(), event.envelope_id()) &&
         Passes(filter.uids(), event.uid()) &&
         Passes(filter.hook_ids(), event.hook_id()) &&
         (!wants_audit_trail || event.has_audit_trail()) &&
         Passes(filter.audit_actions(), event.audit_trail().action()) &&
         Passes(filter.recipient_ids(), event.audit_trail().recipient_id());
}

bool HasUnknownFields(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

// Whether the log would store `bytes`: each field once, and in order.
bool IsAsStored(const v1::EnvelopeEvent& event, std::string_view bytes) {
  return !HasUnknownFields(event) && !HasUnknownFields(event.audit_trail()) &&
         event.SerializeAsString() == bytes;
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  v1::EventFilter proto;
  if (!proto.ParseFromString(std::string(input.Part()))) return 0;
  if (!ValidateFilter(proto).empty()) return 0;
  const EventFilter filter(proto);
  RELAY_CHECK(filter.memory_bytes() > 0);

  const std::string_view bytes = input.Rest();
  const bool matches = filter.Matches(bytes);
  if (filter.empty()) RELAY_CHECK(matches);
  v1::EnvelopeEvent event;
  if (!event.ParseFromString(std::string(bytes))) return 0;
  if (IsAsStored(event, bytes)) {
    RELAY_CHECK(matches == MatchesSlowly(proto, event));
  }
  const std::string stored = [&event] {
    event.DiscardUnknownFields();
    return event.SerializeAsString();
  }();
  RELAY_CHECK(filter.Matches(stored) == MatchesSlowly(proto, event));
  return 0;
}
