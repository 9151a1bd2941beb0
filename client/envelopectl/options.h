#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OPTIONS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OPTIONS_H_

#include <string>

#include "CLI/CLI.hpp"
#include "client/envelopectl/command_line.h"

namespace enveloperelay::client {

// Each adds commands with their options to `app`. When the arguments name one
// of them, app.parse() sets `command` to what they ask for; it throws a
// CLI::ParseError when they are wrong. `command` must outlive `app`.

// `ingress` is the common option --ingress; it must outlive `app`.
void AddSend(CLI::App& app, const std::string& ingress, Command& command);
void AddReaders(CLI::App& app, Command& command);
void AddSubscriptions(CLI::App& app, Command& command);
void AddConsume(CLI::App& app, Command& command);
void AddDeadLetters(CLI::App& app, Command& command);
void AddToken(CLI::App& app, Command& command);
void AddQuarantine(CLI::App& app, Command& command);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_OPTIONS_H_
