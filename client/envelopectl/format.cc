#include "client/envelopectl/format.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "boost/json/object.hpp"
#include "boost/json/serialize.hpp"
#include "client/envelopectl/names.h"
#include "client/envelopectl/output.h"
#include "client/envelopectl/table.h"
#include "client/envelopectl/text.h"
#include "client/webhook/poster.h"
#include "enveloperelay/v1/events.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"

namespace enveloperelay::client {
namespace {

constexpr size_t kActionWidth = 8;
constexpr size_t kEventIdWidth = 36;

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

absl::Status WriteJson(const google::protobuf::Message& message,
                       Output& output) {
  const absl::StatusOr<std::string> line = JsonLine(message);
  if (!line.ok()) return line.status();
  output.Write(*line);
  return absl::OkStatus();
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

absl::Status WriteEvent(const v1::EnvelopeEvent& event,
                        const Console& console) {
  if (console.format == OutputFormat::kJson) {
    return WriteJson(event, console.output);
  }
  console.output.Write(EventRow(event, console.colors));
  return absl::OkStatus();
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
  answer["traceparent"] = stored.traceparent;
  return boost::json::serialize(answer) + '\n';
}

}  // namespace enveloperelay::client
