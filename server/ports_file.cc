#include "server/ports_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <ios>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/server.h"

namespace enveloperelay {

absl::Status WritePortsFile(const std::string& path, const Ports& ports) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  std::ofstream file(temporary, std::ios::trunc);
  file << R"({"ingress":)" << ports.ingress << R"(,"grpc":)" << ports.grpc
       << R"(,"admin":)" << ports.admin << "}\n";
  file.close();
  if (file.fail() || std::rename(temporary.c_str(), path.c_str()) != 0) {
    absl::Status status = absl::ErrnoToStatus(
        errno, absl::StrCat("--ports-file: cannot write '", path, "'"));
    std::remove(temporary.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace enveloperelay
