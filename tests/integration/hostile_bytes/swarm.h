#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_SWARM_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_SWARM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/hostile_bytes/mutation.h"

namespace enveloperelay::testing {

// Sends each request on a connection of its own, many at once, each from a
// loopback address of its own, as different clients would. Most connections
// say that nothing more will come once the request is sent; a few leave the
// server waiting. Each has to be answered or closed. Not thread-safe.
class Swarm {
 public:
  struct Options {
    uint16_t port;
    uint64_t seed;
    size_t connections = 64;
    // Within which each connection is to be answered or closed.
    absl::Duration limit = absl::Seconds(20);
  };

  explicit Swarm(const Options& options);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // Sends `count` requests and returns when all have come to their end, or
  // after the first problem.
  void Run(RequestMaker& requests, size_t count);

  // How often each status was answered; 0: closed without an answer.
  const std::map<int, size_t>& answers() const { return answers_; }
  // What must not be, with the request that showed it.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Connection {
    int fd = -1;
    HostileRequest request = {};
    size_t sent = 0;
    size_t first_piece = 0;  // goes in a packet of its own
    bool waits = false;      // leaves it to the server to end this
    bool broken = false;     // the server takes nothing more
    std::string received = {};
    absl::Time deadline = {};
  };

  bool Open(Connection& connection, HostileRequest request);
  // Waits for what happens on any connection, and takes care of it.
  void Step();
  void Send(Connection& connection);
  // Reads what has come; true: it is at its end.
  static bool Receive(Connection& connection);
  void Finish(Connection& connection);
  void Problem(const Connection& connection, const std::string& what);

  const Options options_;
  std::mt19937_64 random_;
  std::vector<Connection> connections_;
  size_t open_ = 0;
  std::map<int, size_t> answers_;
  std::vector<std::string> problems_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_HOSTILE_BYTES_SWARM_H_
