#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_INTERRUPTION_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_INTERRUPTION_H_

#include <functional>
#include <thread>

namespace enveloperelay::client {

// Keeps SIGINT and SIGTERM from this thread and from those it starts later. For
// an Interruption to take; called before any other thread is started, those of
// gRPC included.
void BlockStopSignals();

// Calls `stop` once, on a thread of its own, when the user wants the program to
// end: at SIGINT or SIGTERM, or when nobody reads its output any more. A second
// signal ends the program at once.
class Interruption {
 public:
  // `output_fd` is where the program prints to. The signals are blocked.
  Interruption(int output_fd, std::function<void()> stop);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  void Watch(int output_fd);

  const std::function<void()> stop_;
  int signals_;  // signalfd
  int quit_;     // eventfd
  std::thread thread_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_INTERRUPTION_H_
