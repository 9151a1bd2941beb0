#include "tests/load/bare_server.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::load {

absl::StatusOr<BareServer> BareServer::Start(const std::string& program,
                                             const std::string& argument) {
  const testing::TempDir directory;
  const std::string output = directory.File("output");
  if (mkfifo(output.c_str(), 0600) != 0) {
    return absl::ErrnoToStatus(errno, "mkfifo");
  }
  const std::string path = ProgramBeside(program);
  auto process = std::make_unique<testing::ChildProcess>(testing::Command{
      .program = path, .arguments = {argument}, .output_file = output});
  // Opening waits for the program to open its end, reading for what it prints
  // or its end.
  std::string line;
  std::getline(std::ifstream(output), line);
  uint32_t port = 0;
  if (!absl::SimpleAtoi(line, &port) || port == 0 || port > UINT16_MAX) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", path, ": it printed no port"));
  }
  return BareServer(std::move(process), static_cast<uint16_t>(port));
}

std::string ProgramBeside(const std::string& name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

}  // namespace enveloperelay::load
