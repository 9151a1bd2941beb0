#ifndef ENVELOPE_RELAY_SERVER_STREAM_RESPONSE_H_
#define ENVELOPE_RELAY_SERVER_STREAM_RESPONSE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// How large the batch of one response may become.
struct BatchLimits {
  size_t events_max;
  // Of the events as they are sent. A first event that is larger fits alone.
  size_t bytes_max;
};

// What is known of an event of a batch.
struct BatchEvent {
  Sequence sequence;
  int64_t receive_micros = 0;  // since the Unix epoch
};

// The events of one response, put together out of stored bytes without
// parsing them or encoding them again: field 1 of SubscribeResponse,
// ListEventsResponse and GetEventResponse alike.
//
// A long run of records goes out as a slice of its chunk, which stays alive
// until it is sent. Whatever else is copied, so that a response neither falls
// into tiny slices nor keeps large chunks alive for small parts of them: what
// it holds is a few times bytes_max at most.
class Batch {
 public:
  // `view` is FULL or BASIC.
  Batch(v1::EventView view, const BatchLimits& limits)
      : basic_(view == v1::EVENT_VIEW_BASIC), limits_(limits) {}

  // Adds a record. False, and nothing is added, if it does not fit.
  bool Add(const std::shared_ptr<const Chunk>& chunk, size_t index);

  bool empty() const { return list_.empty(); }
  // Whether no further event fits, as far as is known.
  bool full() const { return full_; }
  size_t events() const { return list_.size(); }
  // In the order in which they were added.
  const std::vector<BatchEvent>& list() const { return list_; }
  size_t bytes() const { return bytes_; }
  const BatchLimits& limits() const { return limits_; }

  // Returns the response: the events, then `trailer`, which is the encoded
  // response without events.
  grpc::ByteBuffer Finish(std::string_view trailer) &&;

 private:
  // Records of one chunk without a hole between them, not yet in slices_.
  struct Run {
    std::shared_ptr<const Chunk> chunk;
    size_t begin = 0;
    size_t end = 0;
  };

  void AddBasic(const Chunk& chunk, const RecordRef& ref);
  void FlushRun();
  void FlushCopy();

  bool basic_;
  bool full_ = false;
  BatchLimits limits_;
  std::vector<BatchEvent> list_;
  size_t bytes_ = 0;
  std::vector<grpc::Slice> slices_;
  std::string copy_;  // stands after slices_
  Run run_;           // stands after copy_
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_RESPONSE_H_
