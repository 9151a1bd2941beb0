#ifndef ENVELOPE_RELAY_SERVER_LOG_SEQUENCE_H_
#define ENVELOPE_RELAY_SERVER_LOG_SEQUENCE_H_

#include <compare>
#include <cstdint>

namespace enveloperelay {

// Position of an event in the log, from 1, without holes. 0 is the place
// before the first event.
struct Sequence {
  uint64_t value = 0;

  Sequence Next() const { return Sequence{value + 1}; }
  friend auto operator<=>(Sequence, Sequence) = default;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_SEQUENCE_H_
