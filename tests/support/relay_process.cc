#include "tests/support/relay_process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "tests/support/child_process.h"
#include "tests/support/files.h"

namespace enveloperelay::testing {
namespace {

bool CanBind(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  RELAY_CHECK(fd >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                          sizeof(address)) == 0;
  close(fd);
  return bound;
}

// A free port below the range from which the kernel takes ports of outgoing
// connections (ip_local_port_range), so that none takes it while the relay is
// down. Each test process begins elsewhere.
uint16_t PickStablePort() {
  constexpr uint32_t kFirst = 12000;
  constexpr uint32_t kCount = 20000;
  static std::atomic<uint32_t> next = static_cast<uint32_t>(getpid()) * 16;
  for (uint32_t tries = 0; tries < kCount; ++tries) {
    const auto port =
        static_cast<uint16_t>(kFirst + next.fetch_add(1) % kCount);
    if (CanBind(port)) return port;
  }
  RELAY_CHECK(false);
  return 0;
}

// Announces changes of the files in a directory.
class DirectoryWatch {
 public:
  explicit DirectoryWatch(const std::string& path)
      : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    RELAY_CHECK(fd_ >= 0);
    RELAY_CHECK(inotify_add_watch(fd_, path.c_str(),
                                  IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0);
  }
  ~DirectoryWatch() { close(fd_); }
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Returns after a change, after the end of `process`, or at `deadline`.
  void Wait(const ChildProcess& process, absl::Time deadline) const {
    std::array<pollfd, 2> ready = {
        {{.fd = fd_, .events = POLLIN, .revents = 0},
         {.fd = process.pidfd(), .events = POLLIN, .revents = 0}}};
    const absl::Duration left =
        std::max(deadline - absl::Now(), absl::ZeroDuration());
    poll(ready.data(), ready.size(),
         static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    std::array<char, 4096> events = {};
    while (read(fd_, events.data(), events.size()) > 0) {
    }
  }

 private:
  int fd_;
};

}  // namespace

RelayProcess::RelayProcess(RelayOptions options)
    : options_(std::move(options)) {
  if (!options_.stable_ports) return;
  ingress_port_ = PickStablePort();
  grpc_port_ = PickStablePort();
  admin_port_ = PickStablePort();
}

absl::StatusOr<std::unique_ptr<RelayProcess>> RelayProcess::Start(
    RelayOptions options) {
  std::unique_ptr<RelayProcess> relay(new RelayProcess(std::move(options)));
  absl::Status status = relay->Spawn();
  if (!status.ok()) return status;
  return relay;
}

absl::Status RelayProcess::Restart() { return Spawn(); }

absl::Status RelayProcess::Restart(std::vector<std::string> arguments) {
  options_.arguments = std::move(arguments);
  return Spawn();
}

absl::Status RelayProcess::Spawn() {
  RELAY_CHECK(process_ == nullptr ||
              process_->Wait(absl::ZeroDuration()).has_value());
  unlink(PortsFile().c_str());
  const auto address = [this](uint16_t port) {
    return absl::StrCat("127.0.0.1:", options_.stable_ports ? port : 0);
  };
  // In the environment, so that arguments may say otherwise.
  std::map<std::string, std::string> environment = {
      {"ENVELOPE_RELAY_DATA_DIR", data_dir()},
      {"ENVELOPE_RELAY_PORTS_FILE", PortsFile()},
      {"ENVELOPE_RELAY_INGRESS_ADDRESS", address(ingress_port_)},
      {"ENVELOPE_RELAY_GRPC_ADDRESS", address(grpc_port_)},
      {"ENVELOPE_RELAY_ADMIN_ADDRESS", address(admin_port_)}};
  for (const auto& [name, value] : options_.environment) {
    environment.insert_or_assign(name, value);
  }
  process_ = std::make_unique<ChildProcess>(Command{
      .program = options_.program.empty() ? RELAY_BINARY : options_.program,
      .arguments = options_.arguments,
      .environment = std::move(environment),
      .output_file = LogFile(),
      .error_file = LogFile()});
  return WaitUntil([this] { return ReadPorts(); }, kPatience);
}

bool RelayProcess::ReadPorts() {
  const std::string text = ContentOf(PortsFile());
  if (text.empty()) return false;
  const boost::json::value ports = boost::json::parse(text);
  const auto port = [&ports](const char* name) {
    return ports.at(name).to_number<uint16_t>();
  };
  ingress_port_ = port("ingress");
  grpc_port_ = port("grpc");
  admin_port_ = port("admin");
  return true;
}

std::string RelayProcess::grpc_target() const {
  return absl::StrCat("127.0.0.1:", grpc_port_);
}

absl::StatusOr<ExitStatus> RelayProcess::Terminate() {
  Signal(SIGTERM);
  return WaitForExit();
}

absl::StatusOr<ExitStatus> RelayProcess::WaitForExit(absl::Duration timeout) {
  const std::optional<ExitStatus> status = process_->Wait(timeout);
  if (status.has_value()) return *status;
  return absl::DeadlineExceededError(
      absl::StrCat("the relay still runs; its log:\n", Log()));
}

std::string RelayProcess::Log() const { return ContentOf(LogFile()); }

absl::Status RelayProcess::WaitForLog(std::string_view text,
                                      absl::Duration timeout) const {
  return WaitUntil(
      [this, text] { return Log().find(text) != std::string::npos; }, timeout);
}

absl::Status RelayProcess::WaitUntil(const std::function<bool()>& condition,
                                     absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  const DirectoryWatch watch(directory_.path());
  while (true) {
    // In this order, for what it did right before its end counts.
    const bool ended = process_->Wait(absl::ZeroDuration()).has_value();
    if (condition()) return absl::OkStatus();
    if (ended) {
      return absl::InternalError(
          absl::StrCat("the relay has ended; its log:\n", Log()));
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "waited ", absl::FormatDuration(timeout), "; its log:\n", Log()));
    }
    watch.Wait(*process_, deadline);
  }
}

size_t RelayProcess::ResidentBytes() const {
  std::ifstream status(absl::StrCat("/proc/", pid(), "/status"));
  std::string word;
  while (status >> word) {
    if (word != "VmRSS:") continue;
    size_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

std::string RelayBinary() { return RELAY_BINARY; }

FinishedCommand RunRelay(std::vector<std::string> arguments,
                         std::map<std::string, std::string> environment) {
  return RunCommand({.program = RELAY_BINARY,
                     .arguments = std::move(arguments),
                     .environment = std::move(environment)},
                    RelayProcess::kPatience);
}

}  // namespace enveloperelay::testing
