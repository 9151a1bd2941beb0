#include "client/envelopectl/names.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/descriptor.h"

namespace enveloperelay::client {
namespace {

constexpr std::string_view kTypePrefix = "EVENT_TYPE_ENVELOPE_";
constexpr std::string_view kActionPrefix = "AUDIT_ACTION_ENVELOPE_";

// "completed" of "EVENT_TYPE_ENVELOPE_COMPLETED"; "" of the unspecified value.
std::string WithoutPrefix(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return "";
  std::string result(name.substr(prefix.size()));
  absl::AsciiStrToLower(&result);
  return result;
}

// The value of `descriptor` that `text` names with or without the words of
// `prefix`, such as AUDIT_ACTION_ENVELOPE_.
const google::protobuf::EnumValueDescriptor* FindValue(
    const google::protobuf::EnumDescriptor& descriptor, std::string_view prefix,
    std::string_view text) {
  std::string name(text);
  absl::AsciiStrToUpper(&name);
  std::ranges::replace(name, '-', '_');
  constexpr std::string_view kNoun = "ENVELOPE_";
  if (name.starts_with(kNoun)) name.erase(0, kNoun.size());
  if (!name.starts_with(prefix)) name.insert(0, prefix);
  return descriptor.FindValueByName(name);
}

std::string Choices(const google::protobuf::EnumDescriptor& descriptor,
                    std::string_view prefix) {
  std::string result;
  for (int i = 1; i < descriptor.value_count(); ++i) {
    if (!result.empty()) result += ", ";
    result += WithoutPrefix(descriptor.value(i)->name(), prefix);
  }
  return result;
}

}  // namespace

std::optional<v1::EventType> ParseEventType(std::string_view text) {
  const auto* value = FindValue(*v1::EventType_descriptor(), kTypePrefix, text);
  if (value == nullptr) return std::nullopt;
  return static_cast<v1::EventType>(value->number());
}

std::optional<v1::AuditAction> ParseAuditAction(std::string_view text) {
  const auto* value =
      FindValue(*v1::AuditAction_descriptor(), kActionPrefix, text);
  if (value == nullptr) return std::nullopt;
  return static_cast<v1::AuditAction>(value->number());
}

std::string ShortTypeName(const v1::EnvelopeEvent& event) {
  const std::string name =
      WithoutPrefix(v1::EventType_Name(event.type()), kTypePrefix);
  return name.empty() ? Escape(event.type_name()) : name;
}

std::string ShortActionName(const v1::EnvelopeEvent& event) {
  const std::string name = WithoutPrefix(
      v1::AuditAction_Name(event.audit_trail().action()), kActionPrefix);
  return name.empty() ? Escape(event.audit_trail().action_name()) : name;
}

std::string ShortName(v1::EventType type) {
  const std::string name = WithoutPrefix(v1::EventType_Name(type), kTypePrefix);
  return name.empty() ? std::to_string(type) : name;
}

std::string ShortName(v1::AuditAction action) {
  const std::string name =
      WithoutPrefix(v1::AuditAction_Name(action), kActionPrefix);
  return name.empty() ? std::to_string(action) : name;
}

std::string EventTypeChoices() {
  return Choices(*v1::EventType_descriptor(), kTypePrefix);
}

std::string AuditActionChoices() {
  return Choices(*v1::AuditAction_descriptor(), kActionPrefix);
}

}  // namespace enveloperelay::client
