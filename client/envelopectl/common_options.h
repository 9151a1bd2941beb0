#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMON_OPTIONS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMON_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

// Options that several commands take. What is given to a command must outlive
// its parsing.

// NAME, a subscription's.
void AddSubscriptionName(CLI::App& command, std::string& name);

// Where --from begins, as the fields of a request that say so. Nothing: the
// text is no place in a log.
std::optional<v1::SubscribeRequest> ParseFrom(const std::string& text);

// Checks for an option: "" or what is wrong.
std::string CheckFrom(const std::string& text);
std::string CheckEventType(const std::string& text);
std::string CheckAuditAction(const std::string& text);

// --type, --action and the others of an EventFilter.
class FilterOptions {
 public:
  void AddTo(CLI::App& command);

  // What was given.
  v1::EventFilter Filter() const;

 private:
  std::vector<std::string> types_;
  std::vector<std::string> actions_;
  std::vector<std::string> envelope_ids_;
  std::vector<std::string> recipient_ids_;
  std::vector<std::string> uids_;
  std::vector<std::string> hook_ids_;
};

// --view.
class ViewOption {
 public:
  CLI::Option* AddTo(CLI::App& command);

  v1::EventView View() const;

 private:
  std::string view_ = "full";
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_COMMON_OPTIONS_H_
