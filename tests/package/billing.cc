// Prints the events that a cursor file has not seen yet: billing TARGET FILE.
#include <iostream>

#include "enveloperelay/subscriber.h"
#include "enveloperelay/worker.h"

namespace relay = enveloperelay::client;
namespace v1 = enveloperelay::v1;

namespace {

v1::SubscribeRequest AllSoFar() {
  v1::SubscribeRequest request;
  request.set_start(v1::START_POSITION_EARLIEST);
  request.set_until_caught_up(true);
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  relay::Worker({.target = argv[1], .subscription = "billing"}).Stop();
  relay::FileCursorStore cursors(argv[2]);
  relay::Subscriber subscriber(
      {.target = argv[1], .request = AllSoFar(), .cursor_store = &cursors});
  const absl::Status status = subscriber.Run([](const v1::EnvelopeEvent& e) {
    std::cout << e.type_name() << ' ' << e.envelope_id() << '\n';
    return absl::OkStatus();
  });
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
