#ifndef ENVELOPE_RELAY_TESTS_LOAD_EVENT_COUNTER_H_
#define ENVELOPE_RELAY_TESTS_LOAD_EVENT_COUNTER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace enveloperelay::load {

// Counts the events of SubscribeResponses by their tags, without looking into
// them, which costs next to nothing.
class EventCounter {
 public:
  // Takes the next bytes of a response; `last` ends it.
  // Errors: kDataLoss (not a protobuf message, or it holds fields of types that
  // no response has).
  absl::Status Take(std::string_view bytes, bool last);

  uint64_t events() const { return events_; }
  // Of the events' encodings, tags and lengths not counted.
  uint64_t bytes() const { return bytes_; }
  // Responses that hold an event.
  uint64_t batches() const { return batches_; }

 private:
  enum class Expect : uint8_t { kTag, kNumber, kLength, kBytes };

  absl::Status EndNumber();
  absl::Status EndResponse();

  Expect expect_ = Expect::kTag;
  uint64_t number_ = 0;  // being read: a tag, a length or a value
  unsigned shift_ = 0;
  uint64_t tag_ = 0;
  uint64_t skip_ = 0;          // bytes left of a field
  uint64_t batch_events_ = 0;  // of this response
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  uint64_t batches_ = 0;
};

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_EVENT_COUNTER_H_
