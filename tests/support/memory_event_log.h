#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_EVENT_LOG_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_EVENT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/recent.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"

namespace enveloperelay::testing {

// An EventLog in memory, for tests of those who use one. Has no thread: Append
// completes before it returns, one commit an append, unless appends are held.
// What the second half offers lets a test choose when and how things go wrong.
// Thread-safe.
class MemoryEventLog final : public EventLog {
 public:
  explicit MemoryEventLog(LogId log_id = LogId{0x0123456789abcdef})
      : log_id_(log_id) {}

  void Append(v1::EnvelopeEvent event, AppendDone done) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<LogRange> ReadRecent(Sequence after,
                                     const ReadLimits& limits) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<LogRange> Read(Sequence after,
                                const ReadLimits& limits) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<LogRange> ReadEnvelopes(
      std::span<const std::string> envelope_ids, Sequence after,
      const ReadLimits& limits) const override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ChunkSpan> Get(Sequence sequence) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Sequence> FindEventId(std::string_view event_id) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Sequence> FindTime(absl::Time time) const override
      ABSL_LOCKS_EXCLUDED(mutex_);
  LogBounds Bounds() const override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Health() const override ABSL_LOCKS_EXCLUDED(mutex_);
  Tail& tail() override { return tail_; }

  // From now on appends wait for ReleaseAppends() or FailAppends().
  void HoldAppends() ABSL_LOCKS_EXCLUDED(mutex_);
  // Completes the appends that wait, as one commit, and holds no more.
  void ReleaseAppends() ABSL_LOCKS_EXCLUDED(mutex_);
  // Fails the appends that wait, and holds no more.
  void FailAppends(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // How many appends wait.
  size_t held_appends() const ABSL_LOCKS_EXCLUDED(mutex_);

  // What Health() says. Appends fail with it unless it is OK.
  void SetHealth(absl::Status health) ABSL_LOCKS_EXCLUDED(mutex_);
  // Retention: removes what stands before `earliest`.
  void SetEarliest(Sequence earliest) ABSL_LOCKS_EXCLUDED(mutex_);
  // ReadRecent has nothing of what was appended so far: Read must serve it.
  void ForgetRecent() ABSL_LOCKS_EXCLUDED(mutex_);
  // Reading `sequence` gives kDataLoss. Forgets what is recent, too.
  void Damage(Sequence sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  // While `error` is not OK, everything that may block on the disk gives it.
  void SetReadError(absl::Status error) ABSL_LOCKS_EXCLUDED(mutex_);
  // How often Read() was called.
  int reads() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiting {
    EncodedEvent event;
    AppendDone done;
  };
  struct Answer {
    AppendDone done;
    absl::StatusOr<Appended> result;
  };
  // A record, beside what its index knows of it.
  struct Stored {
    std::shared_ptr<const Chunk> chunk;
    size_t index = 0;
    std::string event_id;
    std::string envelope_id;

    const RecordRef& ref() const { return chunk->records[index]; }
    ChunkSpan span() const {
      return {.chunk = chunk, .first = index, .last = index + 1};
    }
  };

  void CommitWaiting() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<Answer> Commit(std::vector<Waiting> group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckReadable(Sequence sequence) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Sequence latest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return Sequence{records_.size()};
  }
  const Stored& At(Sequence sequence) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return records_[sequence.value - 1];
  }

  const LogId log_id_;
  Tail tail_;

  mutable Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  // Somebody is in CommitWaiting() and will see to what is added to waiting_.
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_error_ ABSL_GUARDED_BY(mutex_);
  mutable int reads_ ABSL_GUARDED_BY(mutex_) = 0;
  Sequence earliest_ ABSL_GUARDED_BY(mutex_) = {1};
  // ReadRecent has nothing up to here.
  Sequence forgotten_ ABSL_GUARDED_BY(mutex_);
  std::set<Sequence> damaged_ ABSL_GUARDED_BY(mutex_);
  std::vector<Stored> records_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Sequence> by_event_id_
      ABSL_GUARDED_BY(mutex_);
  Recent chunks_ = Recent(Sequence{}, SIZE_MAX);
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_MEMORY_EVENT_LOG_H_
