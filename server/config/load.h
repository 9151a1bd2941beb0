#ifndef ENVELOPE_RELAY_SERVER_CONFIG_LOAD_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_LOAD_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace enveloperelay {

// What a start of the program asks for.
struct Invocation {
  // --help or --version: print this and leave. Empty: run with `config`.
  std::string text;
  Config config;
  // Variables of the environment that look like options and are none. To be
  // logged: they do not keep the program from running.
  std::vector<std::string> ignored_variables;
};

struct LoadInput {
  std::vector<std::string> arguments;              // without the program's name
  std::map<std::string, std::string> environment;  // all of it
  std::string version;                             // what --version prints
};

// Reads the options from the command line, the environment and the file of
// --config; the first of these that has an option decides, then its default.
// Reads that file and no other.
// Errors: kInvalidArgument, one line for each thing that is wrong, naming the
// option, where the value came from, the value and what is allowed.
absl::StatusOr<Invocation> LoadConfig(const LoadInput& input);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_LOAD_H_
