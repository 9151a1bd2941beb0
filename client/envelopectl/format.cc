#include "client/envelopectl/format.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "boost/json/object.hpp"
#include "boost/json/serialize.hpp"
#include "client/envelopectl/names.h"
#include "client/envelopectl/text.h"
#include "client/webhook/poster.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace enveloperelay::client {
namespace {

// Widths of the columns of events; what is longer pushes the rest aside.
constexpr size_t kSequenceWidth = 9;
constexpr size_t kTimeWidth = 24;
constexpr size_t kTypeWidth = 11;
constexpr size_t kActionWidth = 8;
constexpr size_t kEnvelopeWidth = 24;
// Of the names of fields.
constexpr size_t kNameWidth = 18;
constexpr size_t kEventIdWidth = 36;

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kCyan = "\x1b[36m";
constexpr std::string_view kReset = "\x1b[0m";

std::string Colored(std::string text, std::string_view color, bool colors) {
  if (!colors || color.empty()) return text;
  text.insert(0, color);
  text += kReset;
  return text;
}

std::string_view ColorOf(v1::EventType type) {
  switch (type) {
    case v1::EVENT_TYPE_ENVELOPE_COMPLETED:
      return kGreen;
    case v1::EVENT_TYPE_ENVELOPE_DECLINED:
      return kRed;
    case v1::EVENT_TYPE_ENVELOPE_EXPIRED:
    case v1::EVENT_TYPE_ENVELOPE_VOIDED:
      return kYellow;
    case v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL:
      return kCyan;
    default:
      return "";
  }
}

// "name:   value", or nothing when there is no value.
std::string Field(std::string_view name, std::string_view value) {
  if (value.empty()) return "";
  return absl::StrFormat("%s %s\n", Padded(std::string(name) + ':', kNameWidth),
                         Escape(value));
}

std::string Number(uint64_t value) { return absl::StrFormat("%u", value); }

std::string RightAligned(std::string_view text, size_t width) {
  std::string result(text);
  if (result.size() < width) result.insert(0, width - result.size(), ' ');
  return result;
}

}  // namespace

absl::StatusOr<std::string> JsonLine(const google::protobuf::Message& message) {
  std::string line;
  const auto status = google::protobuf::util::MessageToJsonString(
      message, &line, google::protobuf::util::JsonPrintOptions());
  if (!status.ok()) {
    return absl::InternalError(absl::StrFormat("a %s has no JSON form: %s",
                                               message.GetDescriptor()->name(),
                                               status.ToString()));
  }
  line += '\n';
  return line;
}

std::string EventHeader(bool colors) {
  std::string row = RightAligned("SEQUENCE", kSequenceWidth);
  row += "  " + Padded("RECEIVED", kTimeWidth);
  row += "  " + Padded("TYPE", kTypeWidth);
  row += "  " + Padded("ACTION", kActionWidth);
  row += "  " + Padded("ENVELOPE", kEnvelopeWidth);
  row += "  FILE";
  return Colored(std::move(row), kBold, colors) + '\n';
}

std::string EventRow(const v1::EnvelopeEvent& event, bool colors) {
  std::string row = RightAligned(Number(event.sequence()), kSequenceWidth);
  row += "  " + Padded(FormatTimestamp(event.receive_time()), kTimeWidth);
  row += "  " + Colored(Padded(ShortTypeName(event), kTypeWidth),
                        ColorOf(event.type()), colors);
  row += "  " + Padded(ShortActionName(event), kActionWidth);
  row += "  " + Padded(Escape(event.envelope_id()), kEnvelopeWidth);
  row += "  " + Escape(event.file_name());
  row.erase(row.find_last_not_of(' ') + 1);
  return row + '\n';
}

std::string EventDetails(const v1::EnvelopeEvent& event) {
  std::string text = Field("event id", event.event_id());
  text += Field("sequence", Number(event.sequence()));
  text += Field("cursor", event.cursor());
  text += Field("received", FormatTimestamp(event.receive_time()));
  text += Field("type", event.type_name());
  text += Field("envelope id", event.envelope_id());
  text += Field("recipient id", event.audit_trail().recipient_id());
  text += Field("action", event.audit_trail().action_name());
  text += Field("file", event.file_name());
  text += Field("uid", event.uid());
  text += Field("hook id", event.hook_id());
  text += Field("data id", event.data_id());
  text += Field("traceparent", event.traceparent());
  return text;
}

std::string LogDetails(const v1::GetLogResponse& log) {
  std::string text = Field("log id", log.log_id());
  text += Field("earliest sequence", Number(log.earliest_sequence()));
  text += Field("latest sequence", Number(log.latest_sequence()));
  text += Field("earliest received", FormatTimestamp(log.earliest_time()));
  text += Field("latest received", FormatTimestamp(log.latest_time()));
  text += Field("earliest cursor", log.earliest_cursor());
  text += Field("latest cursor", log.latest_cursor());
  return text;
}

std::string StoredHeader(bool colors) {
  std::string row = RightAligned("SEQUENCE", kSequenceWidth);
  row += "  " + Padded("EVENT ID", kEventIdWidth);
  row += "  " + Padded("DUPLICATE", kSequenceWidth);
  row += "  WEBHOOK";
  return Colored(std::move(row), kBold, colors) + '\n';
}

std::string StoredRow(const std::string& what, const StoredWebhook& stored) {
  std::string row = RightAligned(Escape(stored.sequence), kSequenceWidth);
  row += "  " + Padded(Escape(stored.event_id), kEventIdWidth);
  row += "  " + Padded(stored.duplicate ? "yes" : "no", kSequenceWidth);
  row += "  " + Escape(what);
  return row + '\n';
}

std::string StoredJson(const StoredWebhook& stored) {
  boost::json::object answer;
  answer["event_id"] = stored.event_id;
  answer["sequence"] = stored.sequence;
  answer["duplicate"] = stored.duplicate;
  return boost::json::serialize(answer) + '\n';
}

}  // namespace enveloperelay::client
