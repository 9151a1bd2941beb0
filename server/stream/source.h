#ifndef ENVELOPE_RELAY_SERVER_STREAM_SOURCE_H_
#define ENVELOPE_RELAY_SERVER_STREAM_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/stream/response.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

// Of a response, beside events, `info` and delivery: cursor (30 bytes), backlog
// (11), server_time (19), gap (24), end (23), with some to spare.
inline constexpr size_t kTrailerBytesMax = 160;

// One response of a stream, before its end is known.
struct StreamPart {
  Batch batch;
  // All that is no event.
  v1::SubscribeResponse rest;
};

// Where a stream gets its events. For the thread that runs the stream's step.
class StreamSource {
 public:
  enum class Next : uint8_t {
    // Ask again: there is more, after this share of work.
    kReadOn,
    // Send what was given.
    kSend,
    // Nothing more for now.
    kWait,
    // What was given is the last.
    kEnd,
  };

  virtual ~StreamSource() = default;

  // To be called first, once. Errors end the stream.
  virtual absl::Status Start() = 0;
  // An empty part, as large as this stream's responses may become.
  virtual StreamPart MakePart() const = 0;
  // Puts what is to be sent next into `part`. Errors end the stream.
  virtual absl::StatusOr<Next> Fill(StreamPart& part) = 0;
  // As Fill, before a planned end.
  virtual absl::Status FillLast(StreamPart& part) = 0;
  // Whether Fill may be called while another response is on its way, though
  // nobody may ever read what it gave.
  virtual bool MayRunAhead() const = 0;
  // Sees to it that `steps` steps when Fill() has more.
  virtual void WaitForMore(StepScheduler& steps) = 0;
  // Sets what every response has: cursor, backlog; and a gap if there is one.
  virtual void Describe(v1::SubscribeResponse& response) = 0;
  // Sets the part of `info` that is the source's: log and batch bounds.
  virtual void DescribeInfo(v1::StreamInfo& info) const = 0;
  // The stream has ended; nothing else is called from now on.
  virtual void Stop() = 0;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_SOURCE_H_
