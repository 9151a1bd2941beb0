#ifndef ENVELOPE_RELAY_SERVER_SERVER_H_
#define ENVELOPE_RELAY_SERVER_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

// The whole relay: owns every part, in the order in which they depend on each
// other. Start, Drain and the destructor are for one thread.
class Server {
 public:
  // Opens the log, then the listeners. `on_failure` is called at most once,
  // on any thread, when the log can take no more events for good: the process
  // should end. `clock` must outlive the server.
  // Errors: whatever keeps a part from starting, naming it.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const Config& config, const Clock& clock,
      std::function<void(absl::Status)> on_failure);

  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Ports ports() const;

  // Reports not ready at once, finishes the requests that were taken, ends
  // every stream as planned and closes the log. What clients hold up is cut
  // off early enough to return before `deadline`.
  void Drain(absl::Time deadline);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SERVER_H_
