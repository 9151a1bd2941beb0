#include "server/server.h"

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/config/config.h"

namespace enveloperelay {

// Members stand in the order in which they depend on each other.
struct Server::Parts {
  const Config config;
  const Clock& clock;
  const std::function<void(absl::Status)> on_failure;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const Config& config, const Clock& clock,
    std::function<void(absl::Status)> on_failure) {
  auto parts = std::make_unique<Parts>(Parts{
      .config = config, .clock = clock, .on_failure = std::move(on_failure)});
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Ports Server::ports() const { return {}; }

void Server::Drain(absl::Time /*deadline*/) {}

}  // namespace enveloperelay
