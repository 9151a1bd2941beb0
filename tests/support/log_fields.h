#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_LOG_FIELDS_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_LOG_FIELDS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/support/files.h"

namespace enveloperelay::testing {

// The fields of log lines that deploy/LOGS.md, which is at `path`, documents:
// their types ("text", "number", "truth") by their names.
inline std::map<std::string, std::string> DocumentedLogFields(
    const std::string& path) {
  std::map<std::string, std::string> types;
  for (const std::string& line : Lines(ContentOf(path))) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells.size() < 2 || !cells[0].starts_with("| `")) continue;
    std::string_view name = cells[0];
    name.remove_prefix(3);
    name.remove_suffix(1);
    types.emplace(name, cells[1]);
  }
  return types;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_LOG_FIELDS_H_
