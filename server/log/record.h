#ifndef ENVELOPE_RELAY_SERVER_LOG_RECORD_H_
#define ENVELOPE_RELAY_SERVER_LOG_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"

namespace enveloperelay {

// An event on its way into the log, encoded but for what is known only at its
// commit: so that the one committing thread has little left to do.
struct EncodedEvent {
  std::string event_id;
  std::string envelope_id;
  int64_t receive_time_micros = 0;  // since the Unix epoch
  // The EnvelopeEvent's fields without sequence, cursor, receive_time, payload.
  std::string head;
  std::string payload;

  // Bytes of memory that it holds, roughly.
  size_t size() const {
    return sizeof(*this) + event_id.size() + envelope_id.size() + head.size() +
           payload.size();
  }
};

// Encodes `event`. Its sequence and cursor are ignored; its receive_time loses
// what is finer than a microsecond.
EncodedEvent EncodeEvent(v1::EnvelopeEvent event);

// Appends the record of `event` to `chunk`, as chunk.h and FORMAT.md lay it
// out: its place is `cursor`, its receive time `receive_time_micros`.
void AppendRecord(const EncodedEvent& event, const Cursor& cursor,
                  int64_t receive_time_micros, Chunk& chunk);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_RECORD_H_
