// Prints the events that a cursor file has not seen yet: billing TARGET FILE.
#include <iostream>

#include "enveloperelay/subscriber.h"

namespace relay = enveloperelay::client;
namespace v1 = enveloperelay::v1;

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  relay::FileCursorStore cursors(argv[2]);
  relay::SubscriberOptions options;
  options.target = argv[1];
  options.cursor_store = &cursors;
  options.request.set_start(v1::START_POSITION_EARLIEST);
  options.request.set_until_caught_up(true);
  relay::Subscriber subscriber(options);
  const absl::Status status = subscriber.Run([](const v1::EnvelopeEvent& e) {
    std::cout << e.type_name() << ' ' << e.envelope_id() << '\n';
    return absl::OkStatus();
  });
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
