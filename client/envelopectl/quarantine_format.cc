#include "client/envelopectl/quarantine_format.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "client/envelopectl/table.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "google/protobuf/descriptor.h"

namespace enveloperelay::client {
namespace {

constexpr std::string_view kReasonPrefix = "QUARANTINE_REASON_";
constexpr std::string_view kOutcomePrefix = "RETRY_OUTCOME_";
constexpr size_t kIdWidth = 32;
constexpr size_t kReasonWidth = 22;
constexpr size_t kCountWidth = 7;
constexpr size_t kOutcomeWidth = 9;

// "malformed_json" of "QUARANTINE_REASON_MALFORMED_JSON"; the number of a value
// that is unknown.
std::string ShortName(std::string_view name, std::string_view prefix,
                      int value) {
  if (!name.starts_with(prefix)) return std::to_string(value);
  std::string result(name.substr(prefix.size()));
  absl::AsciiStrToLower(&result);
  return result;
}

std::string NameOf(v1::QuarantineReason reason) {
  return ShortName(v1::QuarantineReason_Name(reason), kReasonPrefix, reason);
}

std::string NameOf(v1::RetryOutcome outcome) {
  return ShortName(v1::RetryOutcome_Name(outcome), kOutcomePrefix, outcome);
}

std::string_view ColorOf(v1::RetryOutcome outcome) {
  switch (outcome) {
    case v1::RETRY_OUTCOME_STORED:
    case v1::RETRY_OUTCOME_DUPLICATE:
      return kGreen;
    case v1::RETRY_OUTCOME_REFUSED:
      return kRed;
    default:
      return kYellow;
  }
}

}  // namespace

std::optional<v1::QuarantineReason> ParseQuarantineReason(
    std::string_view text) {
  std::string name(text);
  absl::AsciiStrToUpper(&name);
  std::ranges::replace(name, '-', '_');
  if (!name.starts_with(kReasonPrefix)) name.insert(0, kReasonPrefix);
  v1::QuarantineReason reason = v1::QUARANTINE_REASON_UNSPECIFIED;
  if (!v1::QuarantineReason_Parse(name, &reason)) return std::nullopt;
  if (reason == v1::QUARANTINE_REASON_UNSPECIFIED) return std::nullopt;
  return reason;
}

std::string QuarantineReasonChoices() {
  const google::protobuf::EnumDescriptor& reasons =
      *v1::QuarantineReason_descriptor();
  std::string result;
  for (int i = 1; i < reasons.value_count(); ++i) {
    if (!result.empty()) result += ", ";
    result +=
        NameOf(static_cast<v1::QuarantineReason>(reasons.value(i)->number()));
  }
  return result;
}

std::string QuarantinedHeader(bool colors) {
  std::string row = Padded("ID", kIdWidth);
  row += "  " + Padded("LAST RECEIVED", kTimeWidth);
  row += "  " + RightAligned("COUNT", kCountWidth);
  row += "  " + RightAligned("BYTES", kCountWidth);
  row += "  " + Padded("REASON", kReasonWidth);
  row += "  DETAIL";
  return Colored(std::move(row), kBold, colors) + '\n';
}

std::string QuarantinedRow(const v1::QuarantinedWebhook& webhook) {
  std::string row = Padded(Escape(webhook.id()), kIdWidth);
  row +=
      "  " + Padded(FormatTimestamp(webhook.last_receive_time()), kTimeWidth);
  row += "  " + RightAligned(Number(webhook.count()), kCountWidth);
  row += "  " + RightAligned(Number(webhook.body_bytes()), kCountWidth);
  row += "  " + Padded(NameOf(webhook.reason()), kReasonWidth);
  row += "  " + Escape(webhook.detail());
  row.erase(row.find_last_not_of(' ') + 1);
  return row + '\n';
}

std::string QuarantinedDetails(const v1::QuarantinedWebhook& webhook) {
  std::string text = Field("id", webhook.id());
  text += Field("reason", NameOf(webhook.reason()));
  text += Field("detail", webhook.detail());
  text += Field("content type", webhook.content_type());
  text += Field("count", Number(webhook.count()));
  text +=
      Field("first received", FormatTimestamp(webhook.first_receive_time()));
  text += Field("last received", FormatTimestamp(webhook.last_receive_time()));
  text += Field("traceparent", webhook.traceparent());
  text += Field("bytes", Number(webhook.body_bytes()));
  return text;
}

std::string RetryHeader(bool colors) {
  std::string row = Padded("ID", kIdWidth);
  row += "  " + Padded("OUTCOME", kOutcomeWidth);
  row += "  " + RightAligned("SEQUENCE", kSequenceWidth);
  row += "  EVENT OR DETAIL";
  return Colored(std::move(row), kBold, colors) + '\n';
}

std::string RetryRow(const v1::RetryResult& result, bool colors) {
  std::string row = Padded(Escape(result.id()), kIdWidth);
  row += "  " + Colored(Padded(NameOf(result.outcome()), kOutcomeWidth),
                        ColorOf(result.outcome()), colors);
  row += "  " +
         RightAligned(result.sequence() == 0 ? "-" : Number(result.sequence()),
                      kSequenceWidth);
  row += "  " + Escape(result.event_id().empty() ? result.detail()
                                                 : result.event_id());
  row.erase(row.find_last_not_of(' ') + 1);
  return row + '\n';
}

}  // namespace enveloperelay::client
