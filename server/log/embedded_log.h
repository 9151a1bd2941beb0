#ifndef ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_LOG_H_
#define ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/data_dir.h"
#include "server/log/embedded_state_store.h"
#include "server/log/event_log.h"
#include "server/log/extent.h"
#include "server/log/group_commit.h"
#include "server/log/health.h"
#include "server/log/log_metrics.h"
#include "server/log/recent.h"
#include "server/log/retention.h"
#include "server/log/sequence.h"
#include "server/log/state_store.h"
#include "server/log/store.h"
#include "server/log/store_reader.h"
#include "server/log/tail.h"

namespace enveloperelay {

struct EmbeddedLogOptions {
  // Directory of the log, on a local disk. Created if it is missing.
  std::string data_dir;
  // An event is removed when it is older than this; infinite: never. At least
  // a second.
  absl::Duration retention_age = absl::InfiniteDuration();
  // The oldest events are removed while all take more bytes than this,
  // uncompressed. 0: without limit.
  uint64_t retention_bytes = 0;
  // Memory for the newest commits, which streams at the end are served from.
  size_t recent_bytes_max = size_t{64} << 20;
  // Memory for appends that wait for their commit; more are refused. At most
  // 1 GiB.
  size_t pending_bytes_max = size_t{64} << 20;
  // Memory for RocksDB's blocks and write buffers. At least 8 MiB.
  size_t cache_bytes = size_t{64} << 20;
  // Appends are refused while the disk has less than this left: RocksDB must
  // never meet a full disk, which would be final.
  uint64_t disk_reserve_bytes = uint64_t{256} << 20;
  // Called once if storage fails for good, on a thread of the log that it must
  // not hold up: the process is to be restarted. May be called until Close()
  // has returned.
  absl::AnyInvocable<void(const absl::Status&) &&> on_failure;
  // Says how much is left on the disk of a directory; for tests. Unset:
  // GetDiskSpace.
  absl::AnyInvocable<absl::StatusOr<DiskSpace>(const std::string& dir)>
      disk_space;
};

// The log on the local disk: a RocksDB database, written by one thread in group
// commits. Has a second thread that applies retention and looks after the
// disk's free space. Thread-safe.
class EmbeddedLog final : public EventLog, public prometheus::Collectable {
 public:
  // Opens the log in `options.data_dir`, or creates it. `clock` and `registry`
  // must outlive it.
  // Errors: kInvalidArgument (an option is out of its range),
  // kFailedPrecondition (the directory is in use by another process, holds
  // something else, or was written by a newer version), kDataLoss (damaged),
  // kUnavailable.
  static absl::StatusOr<std::unique_ptr<EmbeddedLog>> Open(
      EmbeddedLogOptions options, const Clock& clock,
      prometheus::Registry& registry);

  // Closes. Nobody may be in another function of the log.
  ~EmbeddedLog() override;
  EmbeddedLog(const EmbeddedLog&) = delete;
  EmbeddedLog& operator=(const EmbeddedLog&) = delete;

  // Takes no more appends and no more writes of state, and returns when those
  // taken are durable and answered. What is stored can still be read.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // Applies retention and looks at the disk now, as the log does by itself
  // every few seconds. Blocks on the disk.
  void Maintain() ABSL_LOCKS_EXCLUDED(maintain_mutex_);

  void Append(v1::EnvelopeEvent event, AppendDone done) override;
  std::optional<LogRange> ReadRecent(Sequence after,
                                     const ReadLimits& limits) const override;
  absl::StatusOr<LogRange> Read(Sequence after,
                                const ReadLimits& limits) const override;
  absl::StatusOr<LogRange> ReadEnvelopes(
      std::span<const std::string> envelope_ids, Sequence after,
      const ReadLimits& limits) const override;
  absl::StatusOr<ChunkSpan> Get(Sequence sequence) const override;
  absl::StatusOr<Sequence> FindEventId(
      std::string_view event_id) const override;
  absl::StatusOr<Sequence> FindTime(absl::Time time) const override;
  LogBounds Bounds() const override;
  absl::Status Health() const override;
  Tail& tail() override { return tail_; }

  // The metrics that are looked up; the others are in the registry. Does not
  // block on the disk.
  std::vector<prometheus::MetricFamily> Collect() const override;

  // The state that is kept beside the events. Lives as long as the log. A write
  // is refused for no reason but closing and a final failure.
  StateStore& state() { return *state_; }

 private:
  EmbeddedLog(EmbeddedLogOptions options, const Clock& clock,
              prometheus::Registry& registry);

  absl::Status Start();
  void MaintainUntilClosed() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForClose(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  void CheckDisk() ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  void ApplyRetention() ABSL_LOCKS_EXCLUDED(maintain_mutex_);
  void MeasureUsage();

  EmbeddedLogOptions options_;
  const Clock& clock_;
  LogMetrics metrics_;
  enveloperelay::Health health_;
  Tail tail_;
  // Set by Start(), in the order in which they need each other.
  std::unique_ptr<Store> store_;
  std::optional<Extent> extent_;
  std::optional<Recent> recent_;
  std::optional<StoreReader> reader_;
  std::optional<GroupCommit> commit_;
  std::optional<EmbeddedStateStore> state_;

  Mutex maintain_mutex_;
  std::optional<Retention> retention_ ABSL_GUARDED_BY(maintain_mutex_);

  Mutex mutex_;
  CondVar closed_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread maintenance_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_LOG_EMBEDDED_LOG_H_
