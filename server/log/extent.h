#ifndef ENVELOPE_RELAY_SERVER_LOG_EXTENT_H_
#define ENVELOPE_RELAY_SERVER_LOG_EXTENT_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// From where to where the stored log reaches. Both ends only move forward.
// Thread-safe.
class Extent {
 public:
  // `floor` is the newest removed record, `last` the newest record; they are
  // equal when nothing is retained. `earliest_micros` is the receive time of
  // the oldest retained record; ignored if there is none.
  Extent(LogId log_id, const Position& floor, const Position& last,
         int64_t earliest_micros)
      : log_id_(log_id),
        floor_(floor),
        last_(last),
        earliest_micros_(earliest_micros) {}

  LogId log_id() const { return log_id_; }
  LogBounds bounds() const ABSL_LOCKS_EXCLUDED(mutex_);
  Position floor() const ABSL_LOCKS_EXCLUDED(mutex_);
  Position last() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsRetained(Sequence sequence) const ABSL_LOCKS_EXCLUDED(mutex_);

  // A commit has appended the records up to `last`, the first of them received
  // at `first_micros`.
  void Append(const Position& last, int64_t first_micros)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Retention has removed the records up to `floor`; `earliest_micros` as in
  // the constructor, nothing if no record is retained. False, with nothing
  // done, if one has been appended meanwhile: then it has to be given.
  bool Trim(const Position& floor, std::optional<int64_t> earliest_micros)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const LogId log_id_;
  mutable Mutex mutex_;
  Position floor_ ABSL_GUARDED_BY(mutex_);
  Position last_ ABSL_GUARDED_BY(mutex_);
  int64_t earliest_micros_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_EXTENT_H_
