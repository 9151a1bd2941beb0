#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_SILENT_PROXY_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_SILENT_PROXY_H_

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace enveloperelay::testing {

// A TCP proxy on a loopback port which can fall silent: connections stay open
// and nothing passes any more, as when a network drops packets. Thread-safe.
class SilentProxy {
 public:
  // Passes connections on to a port of this machine.
  explicit SilentProxy(uint16_t port);
  // Closes all connections.
  ~SilentProxy();
  SilentProxy(const SilentProxy&) = delete;
  SilentProxy& operator=(const SilentProxy&) = delete;

  // "127.0.0.1:12345"
  const std::string& address() const { return address_; }

  // Returns when the connections there are now are silent, for good. Later ones
  // pass.
  void Silence();

 private:
  struct Link {
    int client;
    int server;
    bool open = true;
  };

  void Run();
  void Accept();
  static void Pass(Link& link, int from, int to);

  const uint16_t port_;
  int listener_;
  int requests_;  // eventfd: silence, or the end
  int silenced_;  // eventfd: the answer
  std::string address_;
  std::vector<Link> links_;   // of thread_
  std::vector<Link> silent_;  // of thread_
  std::thread thread_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SILENT_PROXY_H_
