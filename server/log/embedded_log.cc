#include "server/log/embedded_log.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/log/chunk.h"
#include "server/log/data_dir.h"
#include "server/log/event_log.h"
#include "server/log/layout.h"
#include "server/log/log_metrics.h"
#include "server/log/record.h"
#include "server/log/retention.h"
#include "server/log/sequence.h"
#include "server/log/store.h"
#include "server/log/store_options.h"

namespace enveloperelay {
namespace {

constexpr absl::Duration kDiskCheckInterval = absl::Seconds(1);
constexpr int kDiskChecksPerRetention = 10;

constexpr size_t kCacheBytesMin = size_t{8} << 20;
constexpr size_t kPendingBytesMax = size_t{1} << 30;

absl::Status Validate(const EmbeddedLogOptions& options) {
  if (options.data_dir.empty()) {
    return absl::InvalidArgumentError("the log needs a data directory");
  }
  if (options.retention_age < absl::Seconds(1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "retention age ", absl::FormatDuration(options.retention_age),
        " is too short; allowed is 1s or more"));
  }
  if (options.pending_bytes_max > kPendingBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "memory for waiting appends of ", options.pending_bytes_max,
        " bytes is too large; allowed are up to ", kPendingBytesMax));
  }
  if (options.cache_bytes < kCacheBytesMin) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cache of ", options.cache_bytes, " bytes is too small; allowed are ",
        kCacheBytesMin, " or more"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmbeddedLog>> EmbeddedLog::Open(
    EmbeddedLogOptions options, const Clock& clock,
    prometheus::Registry& registry) {
  absl::Status status = Validate(options);
  if (!status.ok()) return status;
  // Not make_unique: the constructor is private.
  std::unique_ptr<EmbeddedLog> log(
      new EmbeddedLog(std::move(options), clock, registry));
  status = log->Start();
  if (!status.ok()) return status;
  return log;
}

EmbeddedLog::EmbeddedLog(EmbeddedLogOptions options, const Clock& clock,
                         prometheus::Registry& registry)
    : options_(std::move(options)),
      clock_(clock),
      metrics_(
          {.age = options_.retention_age, .bytes = options_.retention_bytes},
          registry),
      health_(std::move(options_.on_failure)) {
  if (!options_.disk_space) options_.disk_space = GetDiskSpace;
}

EmbeddedLog::~EmbeddedLog() { Close(); }

absl::Status EmbeddedLog::Start() {
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open({.dir = options_.data_dir,
                   .cache_bytes = options_.cache_bytes,
                   .on_wal_synced =
                       [this](absl::Duration took) {
                         metrics_.fsync_duration_seconds.Observe(
                             absl::ToDoubleSeconds(took));
                       }},
                  health_);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  const Position& last = store_->last_at_open();
  const Position& floor = store_->floor_at_open();

  extent_.emplace(store_->log_id(), floor, last, floor.receive_time_micros);
  reader_.emplace(*store_, *extent_);
  if (floor.sequence < last.sequence) {
    const absl::StatusOr<int64_t> earliest =
        reader_->EarliestMicrosAfter(floor);
    if (!earliest.ok()) return earliest.status();
    RELAY_CHECK(extent_->Trim(floor, *earliest));
    tail_.Advance(last.sequence);
  }
  recent_.emplace(last.sequence, options_.recent_bytes_max);
  {
    const MutexLock lock(maintain_mutex_);
    retention_.emplace(Retention::Parts{*store_, *reader_, *extent_, *recent_,
                                        health_, clock_},
                       RetentionLimits{.age = options_.retention_age,
                                       .bytes = options_.retention_bytes});
  }
  Maintain();
  commit_.emplace(
      GroupCommit::Parts{*store_, *extent_, *recent_, tail_, health_, metrics_},
      options_.pending_bytes_max);
  state_.emplace(*store_, *commit_);
  maintenance_ = std::thread([this] { MaintainUntilClosed(); });
  return absl::OkStatus();
}

void EmbeddedLog::Close() {
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    closed_.NotifyAll();
  }
  if (maintenance_.joinable()) maintenance_.join();
  if (commit_.has_value()) commit_->Close();
  // Everything is durable already; this only makes the next start quicker, and
  // what goes wrong with it is reported to health_.
  if (store_ != nullptr && health_.failure().ok())
    store_->Flush().IgnoreError();
}

bool EmbeddedLog::WaitForClose(absl::Duration timeout) {
  const MutexLock lock(mutex_);
  if (!closing_) closed_.WaitFor(mutex_, timeout);
  return closing_;
}

void EmbeddedLog::MaintainUntilClosed() {
  int checks = 0;
  while (!WaitForClose(kDiskCheckInterval)) {
    CheckDisk();
    checks = (checks + 1) % kDiskChecksPerRetention;
    if (checks > 0) continue;
    ApplyRetention();
    MeasureUsage();
  }
}

void EmbeddedLog::Maintain() {
  CheckDisk();
  ApplyRetention();
  MeasureUsage();
}

void EmbeddedLog::CheckDisk() {
  const MutexLock lock(maintain_mutex_);
  const absl::StatusOr<DiskSpace> space =
      options_.disk_space(options_.data_dir);
  metrics_.free_bytes.Set(space.ok() ? static_cast<double>(space->free_bytes)
                                     : kUnknownValue);
  metrics_.filesystem_bytes.Set(
      space.ok() ? static_cast<double>(space->size_bytes) : kUnknownValue);
  if (!space.ok()) {
    health_.SetRoom(space.status());
  } else if (space->free_bytes < options_.disk_reserve_bytes) {
    health_.SetRoom(absl::ResourceExhaustedError(absl::StrCat(
        "the disk of '", options_.data_dir, "' is full: ", space->free_bytes,
        " bytes are left, at least ", options_.disk_reserve_bytes,
        " are kept free")));
  } else {
    health_.SetRoom(absl::OkStatus());
  }
}

void EmbeddedLog::ApplyRetention() {
  const MutexLock lock(maintain_mutex_);
  const uint64_t floor = extent_->floor().sequence.value;
  if (!retention_->Apply().ok()) metrics_.retention_errors.Increment();
  metrics_.retention_removed.Increment(
      static_cast<double>(extent_->floor().sequence.value - floor));
}

// By the thread that looks at the disk anyway, so that whoever reads the
// metrics never waits for it.
void EmbeddedLog::MeasureUsage() {
  const absl::StatusOr<uint64_t> usage = GetDiskUsage(options_.data_dir);
  metrics_.disk_bytes.Set(usage.ok() ? static_cast<double>(*usage)
                                     : kUnknownValue);
}

void EmbeddedLog::Append(v1::EnvelopeEvent event, AppendDone done) {
  RELAY_CHECK(!event.event_id().empty());
  commit_->Append(EncodeEvent(std::move(event)), std::move(done));
}

std::optional<LogRange> EmbeddedLog::ReadRecent(
    Sequence after, const ReadLimits& limits) const {
  return recent_->Read(after, limits);
}

absl::StatusOr<LogRange> EmbeddedLog::Read(Sequence after,
                                           const ReadLimits& limits) const {
  return reader_->Read(after, limits);
}

absl::StatusOr<LogRange> EmbeddedLog::ReadEnvelopes(
    std::span<const std::string> envelope_ids, Sequence after,
    const ReadLimits& limits) const {
  return reader_->ReadEnvelopes(envelope_ids, after, limits);
}

absl::StatusOr<ChunkSpan> EmbeddedLog::Get(Sequence sequence) const {
  return reader_->Get(sequence);
}

absl::StatusOr<Sequence> EmbeddedLog::FindEventId(
    std::string_view event_id) const {
  return reader_->FindEventId(event_id);
}

absl::StatusOr<Sequence> EmbeddedLog::FindTime(absl::Time time) const {
  return reader_->FindTime(time);
}

std::vector<prometheus::MetricFamily> EmbeddedLog::Collect() const {
  return CollectLogGauges(*extent_, commit_->waiting_appends());
}

LogBounds EmbeddedLog::Bounds() const { return extent_->bounds(); }

absl::Status EmbeddedLog::Health() const { return health_.Get(); }

}  // namespace enveloperelay
