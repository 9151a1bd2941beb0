// Configuration: any file and any command line give one within the options'
// ranges, or lines that say what is wrong. An input is a TOML file; after a
// line "---", if there is one, come arguments, one a line.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/config/config.h"
#include "server/config/load.h"
#include "server/config/toml_file.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

// A file without a place on the disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text)
      : fd_(memfd_create("config", MFD_CLOEXEC)) {
    RELAY_CHECK(fd_ >= 0);
    RELAY_CHECK(write(fd_, text.data(), text.size()) ==
                static_cast<ssize_t>(text.size()));
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return absl::StrCat("/proc/self/fd/", fd_); }

 private:
  const int fd_;
};

// The arguments; but none that could name another file to read.
std::vector<std::string> ArgumentsOf(std::string_view lines) {
  std::vector<std::string> arguments;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    if (line.find("config") == std::string_view::npos) {
      arguments.emplace_back(line);
    }
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  return arguments;
}

void CheckRanges(const Config& config) {
  RELAY_CHECK(!config.data_dir.empty());
  RELAY_CHECK(config.drain_timeout > absl::ZeroDuration());
  RELAY_CHECK(config.dedup_window > absl::ZeroDuration());
  RELAY_CHECK(config.ingress_max_body_bytes >= 1024 &&
              config.ingress_max_body_bytes <= 1024 * 1024);
  RELAY_CHECK(config.ingress_connections_max > 0);
  RELAY_CHECK(config.streams_max > 0);
  RELAY_CHECK(config.ingress_address.IsLoopback() || config.insecure_ingress ||
              !config.ingress_token_file.empty());
}

// The file alone: a hundred times as fast as with a command line.
void CheckFile(const std::string& path) {
  const TomlFile file = ReadTomlFile(path);
  Config config;
  for (const TomlSetting& setting : file.settings) {
    RELAY_CHECK(setting.option != nullptr && setting.line > 0);
    static_cast<void>(setting.option->set(setting.text, config));
  }
  for (const std::string& error : file.errors) RELAY_CHECK(!error.empty());
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view text = testing::FuzzInput(data, size).Rest();
  constexpr std::string_view kSeparator = "\n---\n";
  const size_t separator = text.find(kSeparator);
  const MemoryFile file(text.substr(0, separator));
  if (separator == std::string_view::npos) {
    CheckFile(file.path());
    return 0;
  }
  const absl::StatusOr<Invocation> invocation = LoadConfig(
      {.arguments = ArgumentsOf(text.substr(separator + kSeparator.size())),
       .environment = {{"ENVELOPE_RELAY_CONFIG", file.path()}},
       .version = "1"});
  if (!invocation.ok()) {
    RELAY_CHECK(absl::IsInvalidArgument(invocation.status()));
    RELAY_CHECK(!invocation.status().message().empty());
  } else if (invocation->text.empty()) {
    CheckRanges(invocation->config);
  }
  return 0;
}
