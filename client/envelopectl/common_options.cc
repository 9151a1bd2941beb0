#include "client/envelopectl/common_options.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/envelopectl/names.h"
#include "client/envelopectl/text.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

void AddSubscriptionName(CLI::App& command, std::string& name) {
  command.add_option("NAME", name)
      ->required()
      ->option_text(" ")
      ->description("Which subscription");
}

std::optional<v1::SubscribeRequest> ParseFrom(const std::string& text) {
  v1::SubscribeRequest request;
  const std::string word = absl::AsciiStrToLower(text);
  if (word == "latest" || word == "earliest") {
    request.set_start(word == "latest" ? v1::START_POSITION_LATEST
                                       : v1::START_POSITION_EARLIEST);
    return request;
  }
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) {
    *request.mutable_start_time() = ToTimestamp(time);
    return request;
  }
  // A cursor is URL-safe text; only the relay can tell whether it is one.
  constexpr size_t kCursorBytesMin = 16;
  if (text.size() < kCursorBytesMin || !std::ranges::all_of(text, [](char c) {
        return absl::ascii_isalnum(c) || c == '-' || c == '_';
      })) {
    return std::nullopt;
  }
  request.set_cursor(text);
  return request;
}

std::string CheckFrom(const std::string& text) {
  if (ParseFrom(text).has_value()) return "";
  return absl::StrFormat(
      "'%s' is neither latest, earliest, a time such as 2026-07-17T08:00:00Z, "
      "nor a cursor",
      text);
}

std::string CheckEventType(const std::string& text) {
  if (ParseEventType(text).has_value()) return "";
  return absl::StrFormat("'%s' is no event type; allowed are %s", text,
                         EventTypeChoices());
}

std::string CheckAuditAction(const std::string& text) {
  if (ParseAuditAction(text).has_value()) return "";
  return absl::StrFormat("'%s' is no action; allowed are %s", text,
                         AuditActionChoices());
}

void FilterOptions::AddTo(CLI::App& command) {
  const auto repeatable = [&command](const char* flag,
                                     std::vector<std::string>& values,
                                     const char* text) {
    return command.add_option(flag, values)
        ->allow_extra_args(false)
        ->option_text(std::string(text) + " ...");
  };
  repeatable("--type", types_, "NAME")
      ->description(EventTypeChoices())
      ->check(CheckEventType);
  repeatable("--action", actions_, "NAME")
      ->description(
          absl::StrFormat("Of an audit_trail: %s", AuditActionChoices()))
      ->check(CheckAuditAction);
  repeatable("--envelope-id", envelope_ids_, "ID")
      ->description("Events of this envelope");
  repeatable("--recipient-id", recipient_ids_, "ID")
      ->description("Audit trails of this recipient");
  repeatable("--uid", uids_, "ID")
      ->description("Events of this Sign.Plus user");
  repeatable("--hook-id", hook_ids_, "ID")
      ->description("Events of this webhook registration");
}

v1::EventFilter FilterOptions::Filter() const {
  v1::EventFilter filter;
  for (const std::string& type : types_) {
    filter.add_types(ParseEventType(type).value_or(v1::EVENT_TYPE_UNSPECIFIED));
  }
  for (const std::string& action : actions_) {
    filter.add_audit_actions(
        ParseAuditAction(action).value_or(v1::AUDIT_ACTION_UNSPECIFIED));
  }
  filter.mutable_envelope_ids()->Add(envelope_ids_.begin(),
                                     envelope_ids_.end());
  filter.mutable_recipient_ids()->Add(recipient_ids_.begin(),
                                      recipient_ids_.end());
  filter.mutable_uids()->Add(uids_.begin(), uids_.end());
  filter.mutable_hook_ids()->Add(hook_ids_.begin(), hook_ids_.end());
  return filter;
}

CLI::Option* ViewOption::AddTo(CLI::App& command) {
  return command.add_option("--view", view_)
      ->option_text("full|basic")
      ->description("basic: without the payload (full)")
      ->check(CLI::IsMember({"full", "basic"}));
}

v1::EventView ViewOption::View() const {
  return view_ == "basic" ? v1::EVENT_VIEW_BASIC : v1::EVENT_VIEW_FULL;
}

}  // namespace enveloperelay::client
