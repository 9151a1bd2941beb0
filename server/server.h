#ifndef ENVELOPE_RELAY_SERVER_SERVER_H_
#define ENVELOPE_RELAY_SERVER_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/config/config.h"

namespace enveloperelay {

// Where the listeners are, whatever ports were asked for.
struct Ports {
  uint16_t ingress = 0;
  uint16_t grpc = 0;
  uint16_t admin = 0;
};

struct ServerOptions {
  Config config;
  // Called at most once, on any thread, when the log can take no more events
  // for good: the process should end. Until Drain() has returned.
  std::function<void(const absl::Status&)> on_failure;
};

// The whole relay: owns every part, in the order in which they depend on each
// other. For one thread.
class Server {
 public:
  // `clock` must outlive the server.
  Server(ServerOptions options, const Clock& clock);
  // Drains without patience, if it was started and is not drained yet.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Reads the files that options name; nothing else is touched yet.
  // Returns what is wrong, for each option; the server cannot start then.
  std::vector<std::string> ReadFiles();
  // Opens the log, then the listeners; webhooks are taken from then on. After
  // ReadFiles(). Errors: whatever keeps a part from starting, saying which.
  absl::Status Start();

  // Once it was started.
  Ports ports() const;

  // /readyz and the health service say so from now on.
  void SetReady();

  // Not ready at once: finishes the requests that were taken, then ends every
  // stream as planned and closes the log. Clients that hold it up are cut off
  // early enough to return before `deadline`, as far as the disk allows.
  void Drain(absl::Time deadline);

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SERVER_H_
