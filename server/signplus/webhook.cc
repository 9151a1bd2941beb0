#include "server/signplus/webhook.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/signplus/event_id.h"
#include "server/signplus/fields.h"
#include "server/signplus/first_seen.h"
#include "server/signplus/redact.h"

namespace enveloperelay {
namespace {

bool IsName(const std::string& text, const char* name) {
  return absl::EqualsIgnoreCase(text, name);
}

v1::EventType TypeOf(const std::string& event) {
  if (IsName(event, "envelope_audit_trail")) {
    return v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL;
  }
  if (IsName(event, "envelope_completed")) {
    return v1::EVENT_TYPE_ENVELOPE_COMPLETED;
  }
  if (IsName(event, "envelope_expired")) return v1::EVENT_TYPE_ENVELOPE_EXPIRED;
  if (IsName(event, "envelope_declined")) {
    return v1::EVENT_TYPE_ENVELOPE_DECLINED;
  }
  if (IsName(event, "envelope_voided")) return v1::EVENT_TYPE_ENVELOPE_VOIDED;
  return v1::EVENT_TYPE_UNSPECIFIED;
}

v1::AuditAction ActionOf(const std::string& action) {
  if (IsName(action, "envelope_viewed")) {
    return v1::AUDIT_ACTION_ENVELOPE_VIEWED;
  }
  if (IsName(action, "envelope_signed")) {
    return v1::AUDIT_ACTION_ENVELOPE_SIGNED;
  }
  if (IsName(action, "envelope_declined")) {
    return v1::AUDIT_ACTION_ENVELOPE_DECLINED;
  }
  return v1::AUDIT_ACTION_UNSPECIFIED;
}

// Whether the envelope goes through it at most once. A recipient signs or
// declines once, but two recipients without an id would look like one.
bool HappensOnce(v1::EventType type, const WebhookFields& fields) {
  switch (type) {
    case v1::EVENT_TYPE_ENVELOPE_COMPLETED:
    case v1::EVENT_TYPE_ENVELOPE_EXPIRED:
    case v1::EVENT_TYPE_ENVELOPE_DECLINED:
    case v1::EVENT_TYPE_ENVELOPE_VOIDED:
      return true;
    case v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL: {
      const v1::AuditAction action = ActionOf(fields.action);
      return !fields.recipient_id.empty() &&
             (action == v1::AUDIT_ACTION_ENVELOPE_SIGNED ||
              action == v1::AUDIT_ACTION_ENVELOPE_DECLINED);
    }
    default:
      return false;
  }
}

std::string Window(const Webhook& webhook) {
  RELAY_CHECK(webhook.dedup_window > absl::ZeroDuration());
  absl::Duration within;
  const absl::Time time =
      webhook.first_receive_time.value_or(webhook.receive_time);
  return absl::StrCat(absl::IDivDuration(time - absl::UnixEpoch(),
                                         webhook.dedup_window, &within));
}

void SetReceiveTime(absl::Time time, v1::EnvelopeEvent& event) {
  // Microseconds are what the log searches by.
  const int64_t micros = absl::ToUnixMicros(time);
  event.mutable_receive_time()->set_seconds(micros / 1'000'000);
  event.mutable_receive_time()->set_nanos(
      static_cast<int32_t>(micros % 1'000'000 * 1000));
}

void BlankFields(std::span<const std::string> secrets, WebhookFields& fields) {
  for (std::string* text : {&fields.hook_id, &fields.event, &fields.data_id,
                            &fields.uid, &fields.envelope_id, &fields.file_name,
                            &fields.recipient_id, &fields.action}) {
    BlankSecrets(secrets, *text);
  }
  for (std::string& name : fields.unknown) BlankSecrets(secrets, name);
}

void SeeNames(const WebhookFields& fields, const Webhook& webhook) {
  if (webhook.first_seen == nullptr) return;
  const auto see = [&webhook](NameKind kind, const std::string& name) {
    webhook.first_seen->See(kind, name, webhook.traceparent);
  };
  // Names match in any letter case, so they are seen in lower case.
  if (!fields.event.empty() &&
      TypeOf(fields.event) == v1::EVENT_TYPE_UNSPECIFIED) {
    see(NameKind::kEvent, absl::AsciiStrToLower(fields.event));
  }
  if (!fields.action.empty() &&
      ActionOf(fields.action) == v1::AUDIT_ACTION_UNSPECIFIED) {
    see(NameKind::kAction, absl::AsciiStrToLower(fields.action));
  }
  for (const std::string& name : fields.unknown) see(NameKind::kField, name);
}

std::string EventIdOf(const Webhook& webhook, v1::EventType type,
                      const WebhookFields& fields) {
  const std::string window = HappensOnce(type, fields) ? "" : Window(webhook);
  return MakeEventId({.event = fields.event,
                      .envelope_id = fields.envelope_id,
                      .data_id = fields.data_id,
                      .uid = fields.uid,
                      .file_name = fields.file_name,
                      .recipient_id = fields.recipient_id,
                      .action = fields.action,
                      .window = window});
}

}  // namespace

absl::StatusOr<v1::EnvelopeEvent> ParseWebhook(const Webhook& webhook) {
  // What is stored says the same as the event: both are read from this.
  std::string payload(webhook.body);
  BlankSecrets(webhook.secrets, payload);
  // No JSON has a NUL, but blanking takes those of a secret in UTF-16 away.
  const bool has_nul = webhook.body.find('\0') != std::string_view::npos;
  WebhookFields fields;
  absl::Status read = ReadFields(has_nul ? webhook.body : payload, fields);
  BlankFields(webhook.secrets, fields);
  SeeNames(fields, webhook);
  if (!read.ok()) return read;

  v1::EnvelopeEvent event;
  const v1::EventType type = TypeOf(fields.event);
  event.set_event_id(EventIdOf(webhook, type, fields));
  event.set_type(type);
  if (type == v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL) {
    v1::AuditTrail& audit_trail = *event.mutable_audit_trail();
    audit_trail.set_recipient_id(std::move(fields.recipient_id));
    audit_trail.set_action(ActionOf(fields.action));
    audit_trail.set_action_name(std::move(fields.action));
  }
  event.set_type_name(std::move(fields.event));
  event.set_envelope_id(std::move(fields.envelope_id));
  SetReceiveTime(webhook.receive_time, event);
  event.set_hook_id(std::move(fields.hook_id));
  event.set_data_id(std::move(fields.data_id));
  event.set_uid(std::move(fields.uid));
  event.set_file_name(std::move(fields.file_name));
  event.set_origin(v1::ORIGIN_WEBHOOK);
  event.set_traceparent(std::string(webhook.traceparent));
  event.set_payload(std::move(payload));
  return event;
}

}  // namespace enveloperelay
