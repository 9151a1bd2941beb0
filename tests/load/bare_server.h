#ifndef ENVELOPE_RELAY_TESTS_LOAD_BARE_SERVER_H_
#define ENVELOPE_RELAY_TESTS_LOAD_BARE_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "tests/support/child_process.h"

namespace enveloperelay::load {

// A running bare-http or bare-stream. Killed when this goes.
class BareServer {
 public:
  // Starts `program`, which stands beside this one, and waits for its port.
  // Errors: kUnavailable (did not start).
  static absl::StatusOr<BareServer> Start(const std::string& program,
                                          const std::string& argument);

  pid_t pid() const { return process_->pid(); }
  uint16_t port() const { return port_; }

 private:
  BareServer(std::unique_ptr<testing::ChildProcess> process, uint16_t port)
      : process_(std::move(process)), port_(port) {}

  std::unique_ptr<testing::ChildProcess> process_;
  uint16_t port_;
};

// The path of a program that stands beside this one.
std::string ProgramBeside(const std::string& name);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_BARE_SERVER_H_
