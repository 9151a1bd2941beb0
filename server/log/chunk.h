#ifndef ENVELOPE_RELAY_SERVER_LOG_CHUNK_H_
#define ENVELOPE_RELAY_SERVER_LOG_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// First byte of a frame: the tag of field 1, with a length (wire type 2).
inline constexpr uint8_t kFrameTag = 0x0a;

// Where one record stands within the bytes of its chunk. A record is framed as
// it goes out: tag and length of field 1 of SubscribeResponse (of
// ListEventsResponse and GetEventResponse too), then the EnvelopeEvent, whose
// last field is the payload.
struct RecordRef {
  Sequence sequence;
  int64_t receive_time_micros = 0;  // since the Unix epoch
  uint32_t begin = 0;               // of the frame: its tag
  uint32_t event = 0;    // of the EnvelopeEvent: behind tag and length
  uint32_t payload = 0;  // of field 99's tag; `end` if there is none
  uint32_t end = 0;

  size_t size() const { return end - begin; }
};

// Records in log order, back to back in one buffer. Immutable once shared:
// readers on any thread send slices of it.
struct Chunk {
  std::string bytes;
  std::vector<RecordRef> records;

  // What it takes in memory, its allocations' overhead estimated.
  size_t Footprint() const {
    return sizeof(Chunk) + 128 + bytes.capacity() +
           records.capacity() * sizeof(RecordRef);
  }

  std::string_view Frame(const RecordRef& r) const {
    return std::string_view(bytes).substr(r.begin, r.end - r.begin);
  }
  // The EnvelopeEvent's bytes, payload included.
  std::string_view Event(const RecordRef& r) const {
    return std::string_view(bytes).substr(r.event, r.end - r.event);
  }
  // The EnvelopeEvent's bytes without the payload: the BASIC view.
  std::string_view BasicEvent(const RecordRef& r) const {
    return std::string_view(bytes).substr(r.event, r.payload - r.event);
  }
};

// Records `first` to `last` (exclusive) of a chunk.
struct ChunkSpan {
  std::shared_ptr<const Chunk> chunk;
  size_t first = 0;
  size_t last = 0;

  size_t size() const { return last - first; }
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_CHUNK_H_
