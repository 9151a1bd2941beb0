#ifndef ENVELOPE_RELAY_SERVER_LOG_GROUP_COMMIT_H_
#define ENVELOPE_RELAY_SERVER_LOG_GROUP_COMMIT_H_

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/write_batch.h"
#include "server/log/append_queue.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/extent.h"
#include "server/log/health.h"
#include "server/log/layout.h"
#include "server/log/log_metrics.h"
#include "server/log/recent.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/store.h"
#include "server/log/tail.h"

namespace enveloperelay {

// Stores appends and writes of state in groups: one thread writes all that have
// gathered in one batch with one sync, while the next ones gather. A sync costs
// as much for hundreds of events as for one, so this is what throughput rests
// on. Thread-safe.
class GroupCommit {
 public:
  // What a commit works on. All must outlive the GroupCommit.
  struct Parts {
    Store& store;
    Extent& extent;
    Recent& recent;
    Tail& tail;
    Health& health;
    LogMetrics& metrics;
  };

  // Starts the thread. `pending_bytes_max` bounds the appends that wait.
  GroupCommit(const Parts& parts, size_t pending_bytes_max);
  // Closes.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // See EventLog::Append. `done` is called here if the append is refused.
  void Append(EncodedEvent event, EventLog::AppendDone done);

  // See StateStore::Write. `done` is called here if the write is refused.
  void WriteState(std::vector<StateChange> changes, StateStore::WriteDone done);

  // Appends that are not answered yet.
  size_t waiting_appends() const { return queue_.appends(); }

  // Takes no more, and returns when all that was taken is answered. Not from a
  // `done`.
  void Close();

 private:
  // A group on its way to the disk.
  struct Draft {
    std::shared_ptr<Chunk> chunk = std::make_shared<Chunk>();
    rocksdb::WriteBatch batch;
    // Of the last record of the chunk.
    Position last;
    // One for each append.
    std::vector<absl::StatusOr<Appended>> answers;
  };

  void Run();
  void Commit(CommitGroup& group);
  Draft Prepare(const CommitGroup& group) const;
  void PrepareAppends(const std::vector<PendingAppend>& appends,
                      Draft& draft) const;
  void AddRecord(const EncodedEvent& event, Draft& draft) const;
  absl::Status Write(Draft& draft);
  void Publish(const Draft& draft);

  const Parts parts_;
  AppendQueue queue_;
  std::thread thread_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_GROUP_COMMIT_H_
