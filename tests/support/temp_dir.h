#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_TEMP_DIR_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "server/base/check.h"

namespace enveloperelay::testing {

// A new directory of its own under $TMPDIR (or /tmp), removed with all it
// holds when this goes.
class TempDir {
 public:
  TempDir() {
    path_ = std::filesystem::temp_directory_path() / "relay-test-XXXXXX";
    RELAY_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_TEMP_DIR_H_
