#ifndef ENVELOPE_RELAY_SERVER_STREAM_POSITIONS_H_
#define ENVELOPE_RELAY_SERVER_STREAM_POSITIONS_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "server/base/mutex.h"
#include "server/log/sequence.h"

namespace enveloperelay {

// Where the plain streams are in the log, for whoever looks at them all.
// Thread-safe.
class StreamPositions {
 public:
  // The position of one stream, which is among `positions` until this goes.
  class Entry {
   public:
    // `positions` outlives it.
    Entry(StreamPositions& positions, Sequence position);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void Set(Sequence position) {
      position_.store(position.value, std::memory_order_relaxed);
    }
    Sequence Get() const {
      return Sequence{position_.load(std::memory_order_relaxed)};
    }

   private:
    StreamPositions& positions_;
    std::atomic<uint64_t> position_;
  };

  // That of the stream that is furthest behind; nothing: there is none.
  std::optional<Sequence> Hindmost() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable Mutex mutex_;
  absl::flat_hash_set<const Entry*> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_POSITIONS_H_
