#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_FILES_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_FILES_H_

#include <cstdio>
#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "server/base/check.h"

namespace enveloperelay::testing {

// Empty if there is no file at `path`.
inline std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The lines of `text` that have an end.
inline std::vector<std::string> Lines(std::string_view text) {
  const std::string whole(text.substr(0, text.rfind('\n') + 1));
  return absl::StrSplit(whole, '\n', absl::SkipEmpty());
}

// Puts `text` at `path` in one step, whatever is there.
inline void WriteFileAtOnce(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  RELAY_CHECK(file.good());
  RELAY_CHECK(std::rename(temporary.c_str(), path.c_str()) == 0);
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_FILES_H_
