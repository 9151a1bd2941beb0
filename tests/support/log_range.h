#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_LOG_RANGE_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_LOG_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "enveloperelay/v1/events.pb.h"
#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"

namespace enveloperelay::testing {

inline constexpr ReadLimits kNoLimits{.events_max = SIZE_MAX,
                                      .bytes_max = SIZE_MAX};

// The sequences of the records of a range, in its order.
inline std::vector<uint64_t> Sequences(const LogRange& range) {
  std::vector<uint64_t> sequences;
  for (const ChunkSpan& span : range.spans) {
    for (size_t i = span.first; i < span.last; ++i) {
      sequences.push_back(span.chunk->records[i].sequence.value);
    }
  }
  return sequences;
}

// The events of a range, read as a subscriber would.
inline std::vector<v1::EnvelopeEvent> Events(const LogRange& range) {
  v1::SubscribeResponse response;
  std::string bytes;
  for (const ChunkSpan& span : range.spans) {
    for (size_t i = span.first; i < span.last; ++i) {
      bytes.append(span.chunk->Frame(span.chunk->records[i]));
    }
  }
  EXPECT_TRUE(response.ParseFromString(bytes));
  return {response.events().begin(), response.events().end()};
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_LOG_RANGE_H_
