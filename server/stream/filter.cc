#include "server/stream/filter.h"

#include <google/protobuf/repeated_field.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/stream/errors.h"
#include "server/stream/wire.h"

namespace enveloperelay {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using Event = v1::EnvelopeEvent;
using Strings = absl::flat_hash_set<std::string>;

static_assert(v1::EventType_MAX < 32 && v1::AuditAction_MAX < 32,
              "a set of them must fit in 32 bits");

void CheckStrings(const char* field, const RepeatedPtrField<std::string>& list,
                  std::vector<FieldViolation>& violations) {
  for (const std::string& value : list) {
    if (value.size() <= kFilterValueBytesMax) continue;
    violations.push_back(
        {absl::StrCat("filter.", field),
         absl::StrCat("a value of ", value.size(), " bytes; at most ",
                      kFilterValueBytesMax, " are allowed")});
    return;
  }
}

void CheckEnums(const char* field, const RepeatedField<int>& list,
                bool (*is_valid)(int),
                std::vector<FieldViolation>& violations) {
  for (const int value : list) {
    if (is_valid(value)) continue;
    violations.push_back(
        {absl::StrCat("filter.", field),
         absl::StrCat("value ", value, " is not known to this relay")});
    return;
  }
}

// The field that has the most values: the one to shorten.
const char* LongestField(const v1::EventFilter& filter) {
  struct {
    const char* field;
    int size;
  } const fields[] = {{"types", filter.types_size()},
                      {"audit_actions", filter.audit_actions_size()},
                      {"envelope_ids", filter.envelope_ids_size()},
                      {"recipient_ids", filter.recipient_ids_size()},
                      {"uids", filter.uids_size()},
                      {"hook_ids", filter.hook_ids_size()}};
  const auto* longest = &fields[0];
  for (const auto& field : fields) {
    if (field.size > longest->size) longest = &field;
  }
  return longest->field;
}

size_t CountValues(const v1::EventFilter& filter) {
  const auto size = [](const auto& list) {
    return static_cast<size_t>(list.size());
  };
  return size(filter.types()) + size(filter.audit_actions()) +
         size(filter.envelope_ids()) + size(filter.recipient_ids()) +
         size(filter.uids()) + size(filter.hook_ids());
}

uint32_t ToBits(const RepeatedField<int>& list) {
  uint32_t bits = 0;
  for (const int value : list) bits |= 1U << static_cast<uint32_t>(value);
  return bits;
}

bool HasBit(uint32_t bits, uint64_t value) {
  return value < 32 && ((bits >> value) & 1U) != 0;
}

bool Contains(const Strings& set, std::string_view value) {
  return !set.empty() &&
         set.contains(absl::string_view(value.data(), value.size()));
}

size_t MemoryBytes(const Strings& set) {
  size_t bytes = set.capacity() * (sizeof(std::string) + 1);
  for (const std::string& value : set) bytes += value.capacity() + 1;
  return bytes;
}

}  // namespace

std::vector<FieldViolation> ValidateFilter(const v1::EventFilter& filter) {
  std::vector<FieldViolation> violations;
  const size_t count = CountValues(filter);
  if (count > kFilterValuesMax) {
    violations.push_back(
        {absl::StrCat("filter.", LongestField(filter)),
         absl::StrCat("the filter has ", count, " values; at most ",
                      kFilterValuesMax, " in all its fields are allowed")});
  }
  CheckEnums("types", filter.types(), v1::EventType_IsValid, violations);
  CheckEnums("audit_actions", filter.audit_actions(), v1::AuditAction_IsValid,
             violations);
  CheckStrings("envelope_ids", filter.envelope_ids(), violations);
  CheckStrings("recipient_ids", filter.recipient_ids(), violations);
  CheckStrings("uids", filter.uids(), violations);
  CheckStrings("hook_ids", filter.hook_ids(), violations);
  return violations;
}

EventFilter::EventFilter(const v1::EventFilter& filter)
    : types_(ToBits(filter.types())),
      actions_(ToBits(filter.audit_actions())),
      envelope_ids_(filter.envelope_ids().begin(), filter.envelope_ids().end()),
      recipient_ids_(filter.recipient_ids().begin(),
                     filter.recipient_ids().end()),
      uids_(filter.uids().begin(), filter.uids().end()),
      hook_ids_(filter.hook_ids().begin(), filter.hook_ids().end()),
      envelope_id_list_(envelope_ids_.begin(), envelope_ids_.end()) {
  const auto require = [this](Criterion criterion, bool wanted,
                              bool met_by_default) {
    if (wanted) required_ |= criterion;
    if (met_by_default) met_by_default_ |= criterion;
  };
  require(kTypes, types_ != 0, HasBit(types_, v1::EVENT_TYPE_UNSPECIFIED));
  require(kActions, actions_ != 0, false);
  require(kEnvelopes, !envelope_ids_.empty(), Contains(envelope_ids_, ""));
  require(kRecipients, !recipient_ids_.empty(), false);
  require(kUids, !uids_.empty(), Contains(uids_, ""));
  require(kHooks, !hook_ids_.empty(), Contains(hook_ids_, ""));
}

bool EventFilter::Matches(std::string_view event) const {
  uint8_t met = met_by_default_;
  // Stored events have each field once at most, so one look settles it.
  const auto fails = [this, &met](Criterion criterion, bool meets) {
    met |= criterion;
    return Requires(criterion) && !meets;
  };
  wire::FieldReader reader(event);
  for (std::optional<wire::Field> field = reader.Next();
       field.has_value() && field->number != Event::kPayloadFieldNumber;
       field = reader.Next()) {
    bool failed = false;
    switch (field->number) {
      case Event::kTypeFieldNumber:
        failed = fails(kTypes, HasBit(types_, field->varint));
        break;
      case Event::kEnvelopeIdFieldNumber:
        failed = fails(kEnvelopes, Contains(envelope_ids_, field->bytes));
        break;
      case Event::kHookIdFieldNumber:
        failed = fails(kHooks, Contains(hook_ids_, field->bytes));
        break;
      case Event::kUidFieldNumber:
        failed = fails(kUids, Contains(uids_, field->bytes));
        break;
      case Event::kAuditTrailFieldNumber:
        met |= MeetsAuditTrail(field->bytes);
        break;
      default:
        break;
    }
    if (failed) return false;
  }
  return (met & required_) == required_;
}

uint8_t EventFilter::MeetsAuditTrail(std::string_view audit_trail) const {
  uint64_t action = v1::AUDIT_ACTION_UNSPECIFIED;
  std::string_view recipient_id;
  wire::FieldReader reader(audit_trail);
  for (std::optional<wire::Field> field = reader.Next(); field.has_value();
       field = reader.Next()) {
    if (field->number == v1::AuditTrail::kActionFieldNumber) {
      action = field->varint;
    } else if (field->number == v1::AuditTrail::kRecipientIdFieldNumber) {
      recipient_id = field->bytes;
    }
  }
  uint8_t met = 0;
  if (HasBit(actions_, action)) met |= kActions;
  if (Contains(recipient_ids_, recipient_id)) met |= kRecipients;
  return met;
}

size_t EventFilter::memory_bytes() const {
  size_t bytes = sizeof(*this);
  for (const Strings* set :
       {&envelope_ids_, &recipient_ids_, &uids_, &hook_ids_}) {
    bytes += MemoryBytes(*set);
  }
  // The list holds the strings of the set once more.
  return bytes + MemoryBytes(envelope_ids_);
}

}  // namespace enveloperelay
