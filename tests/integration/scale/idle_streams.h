#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_SCALE_IDLE_STREAMS_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_SCALE_IDLE_STREAMS_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {

// What came on streams.
struct IdleStreamsSummary {
  size_t open = 0;           // streams that have not ended
  size_t responses_min = 0;  // of the stream that got the fewest
  // Longest time between two responses of a stream.
  absl::Duration gap_max;
};

// Many Subscribe calls at once, a hundred to a connection, that count what they
// get. Cancelled when this goes. For one thread.
class IdleStreams {
 public:
  IdleStreams(const std::string& target, size_t count,
              const v1::SubscribeRequest& request);
  ~IdleStreams();
  IdleStreams(const IdleStreams&) = delete;
  IdleStreams& operator=(const IdleStreams&) = delete;

  IdleStreamsSummary Summary() const;

 private:
  class Stream;

  std::vector<std::unique_ptr<v1::EnvelopeEventService::Stub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_SCALE_IDLE_STREAMS_H_
