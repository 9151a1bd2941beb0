#include "client/envelopectl/interruption.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

namespace enveloperelay::client {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// Ends the program as `signal` does by default.
void Die(int signal) {
  std::signal(signal, SIG_DFL);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  raise(signal);
}

int OpenStopSignals() {
  const sigset_t signals = StopSignals();
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Interruption::Interruption(int output_fd, std::function<void()> stop)
    : stop_(std::move(stop)),
      signals_(OpenStopSignals()),
      quit_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this, output_fd] { Watch(output_fd); });
}

Interruption::~Interruption() {
  const uint64_t one = 1;
  while (write(quit_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(signals_);
  close(quit_);
}

void Interruption::Watch(int output_fd) {
  // No events are asked of the output: poll() always tells of its errors.
  std::array<pollfd, 3> watched = {
      {{.fd = quit_, .events = POLLIN, .revents = 0},
       {.fd = signals_, .events = POLLIN, .revents = 0},
       {.fd = output_fd, .events = 0, .revents = 0}}};
  bool stopped = false;
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR
    if (watched[0].revents != 0) return;
    if (watched[1].revents != 0) {
      signalfd_siginfo info = {};
      if (read(signals_, &info, sizeof(info)) != sizeof(info)) continue;
      if (stopped) Die(static_cast<int>(info.ssi_signo));
    } else if (watched[2].revents != 0) {
      watched[2].fd = -1;  // told once
    }
    if (!stopped) stop_();
    stopped = true;
  }
}

}  // namespace enveloperelay::client
