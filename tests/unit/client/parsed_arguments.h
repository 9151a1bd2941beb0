#ifndef ENVELOPE_RELAY_TESTS_UNIT_CLIENT_PARSED_ARGUMENTS_H_
#define ENVELOPE_RELAY_TESTS_UNIT_CLIENT_PARSED_ARGUMENTS_H_

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "client/envelopectl/command_line.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {

using Arguments = std::vector<std::string>;

// What envelopectl reads in `arguments`; a failure when they are refused.
inline CommandLine Parse(Arguments arguments) {
  auto parsed = ParseCommandLine(std::move(arguments));
  if (const auto* exit = std::get_if<Exit>(&parsed)) {
    ADD_FAILURE() << exit->text;
    return {};
  }
  return std::get<CommandLine>(std::move(parsed));
}

template <typename Command>
Command ParseAs(Arguments arguments) {
  return std::get<Command>(Parse(std::move(arguments)).command);
}

// What it prints instead of running; code -1 when it would run.
inline Exit ParseToExit(Arguments arguments) {
  const auto parsed = ParseCommandLine(std::move(arguments));
  const auto* exit = std::get_if<Exit>(&parsed);
  if (exit != nullptr) return *exit;
  return Exit{.code = -1, .text = "parsed"};
}

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_TESTS_UNIT_CLIENT_PARSED_ARGUMENTS_H_
