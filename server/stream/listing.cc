#include "server/stream/listing.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {
namespace {

// Of a page, beside events: cursor (30 bytes), backlog (11), gap (24), with
// some to spare.
constexpr size_t kTrailerBytesMax = 100;

}  // namespace

Listing::Listing(const Environment& environment, ListSpec spec)
    : steps_(environment.steps),
      call_(environment.call),
      reader_(std::move(spec.read), environment.log),
      page_(reader_.view(), {.events_max = spec.page_size,
                             .bytes_max = kPageBytesMax - kTrailerBytesMax}),
      wait_(spec.wait) {}

void Listing::Step() {
  if (finished_) return;
  if (cancelled_) {
    finished_ = true;
    call_.FinishCancelled();
    return;
  }
  if (!started_) Start();
  if (!finished_) Read();
}

void Listing::OnCancelled() {
  cancelled_ = true;
  Step();
}

void Listing::OnDrain() {
  draining_ = true;
  Step();
}

void Listing::OnWithdrawn(const absl::Status& status) {
  if (finished_) return;
  finished_ = true;
  call_.Finish(status);
}

void Listing::Start() {
  started_ = true;
  wait_until_ = steps_.Now() + absl::ToChronoNanoseconds(wait_);
  const absl::Status status = reader_.Start();
  if (status.ok()) return;
  finished_ = true;
  call_.Finish(status);
}

void Listing::Read() {
  const absl::StatusOr<LogReader::Next> next =
      reader_.Fill(Sequence{UINT64_MAX}, page_);
  if (!next.ok()) {
    finished_ = true;
    call_.Finish(FromLog(next.status()));
    return;
  }
  scanned_bytes_ += reader_.scanned_bytes();
  const bool more = *next == LogReader::Next::kReadOn && !page_.full();
  const bool at_end = *next == LogReader::Next::kWait;
  const bool may_wait =
      page_.empty() && !draining_ && steps_.Now() < wait_until_;
  if (more && (scanned_bytes_ < kScanBytesMax || may_wait)) {
    steps_.StepSoon();
  } else if (at_end && may_wait) {
    steps_.StepAt(wait_until_);
    steps_.StepPast(reader_.position());
  } else {
    Respond();
  }
}

void Listing::Respond() {
  v1::ListEventsResponse response;
  response.set_cursor(EncodeCursor(reader_.cursor()));
  response.set_backlog(reader_.Backlog());
  std::optional<v1::Gap> gap = reader_.TakeGap();
  if (gap.has_value()) *response.mutable_gap() = *std::move(gap);
  finished_ = true;
  call_.Finish(std::move(page_).Finish(response.SerializeAsString()));
}

}  // namespace enveloperelay
