#ifndef ENVELOPE_RELAY_SERVER_STREAM_READER_H_
#define ENVELOPE_RELAY_SERVER_STREAM_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"
#include "server/log/read_ahead.h"
#include "server/log/sequence.h"
#include "server/stream/filter.h"
#include "server/stream/request.h"
#include "server/stream/response.h"

namespace enveloperelay {

// Where reading begins.
struct LogStart {
  // Right after this position.
  Sequence position;
  // Events received before it are passed over: a start time may lie ahead.
  // Microseconds since the Unix epoch.
  int64_t begin_micros = INT64_MIN;
};

// Finds the start. What is no longer retained after a cursor is not looked at.
// Blocks on the disk when it begins at a time.
// Errors: CURSOR_UNKNOWN_LOG, CURSOR_AHEAD, and the log's.
absl::StatusOr<LogStart> FindStart(const StartSpec& spec, const EventLog& log);

// Reads the log forward from a position, through a filter, a batch at a time,
// and holds ReadAhead::kBytesMax at most between two batches. Knows what to do
// when retention overtakes it. For one thread at a time.
class LogReader {
 public:
  // What to do after Fill().
  enum class Next : uint8_t {
    // Call it again: there is more, after this share of work.
    kReadOn,
    // Send what is in the batch first.
    kSend,
    // Nothing is left before the end.
    kWait,
  };

  // `log` outlives the reader.
  explicit LogReader(ReadSpec spec, EventLog& log);

  // Finds the position to begin at. To be called first, once. Blocks on the
  // disk when it begins at a time.
  // Errors: CURSOR_UNKNOWN_LOG, CURSOR_AHEAD, CURSOR_EXPIRED, and the log's.
  absl::Status Start();

  // Adds the events that pass to `batch`, up to `until` at most, and moves the
  // position past all that it looked at. Looks at kScanBytesMax at most; blocks
  // on the disk. An error comes only when `batch` is empty.
  // Errors: CURSOR_EXPIRED (retention has overtaken the position), and the
  // log's.
  absl::StatusOr<Next> Fill(Sequence until, Batch& batch);

  // All up to here is behind it, what the filter left out included.
  Sequence position() const { return position_; }
  // How much of the log the last Fill() looked at.
  size_t scanned_bytes() const { return scanned_bytes_; }
  v1::EventView view() const { return view_; }
  // Identity of the log and the position, as a client holds them.
  Cursor cursor() const { return {log_id_, position_}; }
  // Events in the log after the position.
  uint64_t Backlog() const;
  // What was skipped since this was last asked.
  std::optional<v1::Gap> TakeGap();

  // Bytes of the log that one Fill() looks at, so that readers take turns:
  // some milliseconds of work.
  static constexpr size_t kScanBytesMax = size_t{4} << 20;

 private:
  absl::StatusOr<LogRange> ReadRange(Sequence until, const Batch& batch);
  absl::StatusOr<LogRange> ReadIndex(const ReadLimits& limits) const;
  // Adds what passes of `range`. False if `batch` is full before its end.
  bool Take(const LogRange& range, Sequence until, Batch& batch);
  // Goes on at the oldest event, if that is wanted.
  absl::Status Skip();

  EventLog& log_;
  const StartSpec start_;
  const std::unique_ptr<const EventFilter> filter_;
  const v1::EventView view_;
  const bool skip_expired_;
  // Whether what is sent of a range of the log is all its bytes.
  const bool sends_all_;
  // How many events to read from the disk at once: few when most pass and fill
  // a batch, many when few do.
  uint32_t scan_events_;
  ReadAhead ahead_;
  LogId log_id_;
  Sequence position_;
  // Events received before it are not sent: a start time may lie ahead.
  int64_t begin_micros_ = INT64_MIN;  // since the Unix epoch
  size_t scanned_bytes_ = 0;
  uint64_t lost_events_ = 0;  // not yet told
  Sequence lost_until_;       // the first that is not lost
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_READER_H_
