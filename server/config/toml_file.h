#ifndef ENVELOPE_RELAY_SERVER_CONFIG_TOML_FILE_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_TOML_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/options.h"

namespace enveloperelay {

// An option as a file sets it.
struct TomlSetting {
  const Option* option;  // of Options()
  std::string text;      // the value as the command line would give it
  size_t line = 0;       // from 1
};

// What a file says, and what is wrong with it.
struct TomlFile {
  std::vector<TomlSetting> settings;
  std::vector<std::string> errors;
};

// Reads a TOML file whose keys are names of options. Unknown keys and values
// of the wrong type are in `errors`, each with its line. A file that cannot be
// read or is no TOML has one error.
TomlFile ReadTomlFile(const std::string& path);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_TOML_FILE_H_
