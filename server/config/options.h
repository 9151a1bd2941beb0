#ifndef ENVELOPE_RELAY_SERVER_CONFIG_OPTIONS_H_
#define ENVELOPE_RELAY_SERVER_CONFIG_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace enveloperelay {

// What the names of environment variables begin with.
inline constexpr std::string_view kEnvironmentPrefix = "ENVELOPE_RELAY_";

// What a value of an option looks like in a TOML file.
enum class TomlType : uint8_t { kString, kInteger, kStringOrInteger, kBoolean };

// One setting, whatever source it comes from.
struct Option {
  std::string name;        // "drain-timeout": key in the TOML file too
  std::string group;       // heading in --help
  std::string value_name;  // "DURATION"; empty for a flag
  std::string default_text;
  std::string allowed;  // completes "allowed is …"
  std::string help;
  TomlType toml_type = TomlType::kString;
  // Stores what `text` says in the Config; false if it is not allowed.
  std::function<bool(std::string_view text, Config&)> set;

  bool is_flag() const { return toml_type == TomlType::kBoolean; }
  // "--drain-timeout"
  std::string Flag() const;
  // "ENVELOPE_RELAY_DRAIN_TIMEOUT"
  std::string Environment() const;
};

// Every option but --config, --help and --version, in the order of --help.
std::span<const Option> Options();

// The option of that name; null if there is none.
const Option* FindOption(std::string_view name);

// For a name that no option has: "did you mean 'data-dir'?" or, when none is
// near, where to find those that there are.
std::string SuggestOption(std::string_view name);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_CONFIG_OPTIONS_H_
