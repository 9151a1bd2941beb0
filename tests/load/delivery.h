#ifndef ENVELOPE_RELAY_TESTS_LOAD_DELIVERY_H_
#define ENVELOPE_RELAY_TESTS_LOAD_DELIVERY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace enveloperelay::load {

// What a worker has to know of a response.
struct Delivery {
  std::string id;  // empty: a response without events
  std::vector<uint64_t> sequences;
  // An event was delivered before.
  bool again = false;
};

// Reads a SubscribeResponse. It looks at the tags of its events and at their
// sequences, which costs much less than to parse them.
// Errors: kDataLoss (not a response, or events that no lease covers).
absl::StatusOr<Delivery> ReadDelivery(std::string_view response);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_DELIVERY_H_
