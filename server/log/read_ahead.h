#ifndef ENVELOPE_RELAY_SERVER_LOG_READ_AHEAD_H_
#define ENVELOPE_RELAY_SERVER_LOG_READ_AHEAD_H_

#include <cstddef>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// What a reader has read from the store but not yet used, since the store keeps
// records in groups. So a group is read once, however small the steps are in
// which a reader goes on. For one thread at a time.
class ReadAhead {
 public:
  // Most memory of a chunk that is kept, in bytes.
  static constexpr size_t kBytesMax = size_t{512} << 10;

  // As EventLog::Read, but takes what it can from what was read before, and
  // keeps what is read along with the range.
  absl::StatusOr<LogRange> Read(const EventLog& log, Sequence after,
                                const ReadLimits& limits);

  // As EventLog::ReadRecent. A reader that has come to what is in memory needs
  // no more what is kept, and it is dropped.
  std::optional<LogRange> ReadRecent(const EventLog& log, Sequence after,
                                     const ReadLimits& limits);

  // Forgets what is kept.
  void Drop() { chunk_ = nullptr; }

 private:
  void Keep(const LogRange& range);
  std::optional<LogRange> Kept(const EventLog& log, Sequence after,
                               const ReadLimits& limits) const;

  std::shared_ptr<const Chunk> chunk_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_READ_AHEAD_H_
