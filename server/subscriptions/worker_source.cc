#include "server/subscriptions/worker_source.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/log/tail.h"
#include "server/stream/response.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/lease_id.h"
#include "server/subscriptions/mailbox.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {
namespace {

// Of a response, for a delivery: an id of kLeaseRunsMax runs of numbers that
// are a few thousand at most, in base64; attempts; deadline.
constexpr size_t kDeliveryBytesMax = size_t{16} << 10;

WorkerSpec WithRoomForDelivery(WorkerSpec spec) {
  spec.batch.bytes_max -= kTrailerBytesMax + kDeliveryBytesMax;
  return spec;
}

}  // namespace

WorkerSource::WorkerSource(std::string subscription, WorkerSpec spec,
                           const Subscriptions& subscriptions,
                           const EventLog& log, StepScheduler& steps)
    : name_(std::move(subscription)),
      spec_(std::move(spec)),
      subscriptions_(subscriptions),
      log_(log),
      mailbox_(std::make_shared<Mailbox>(steps)) {}

WorkerSource::~WorkerSource() { Stop(); }

absl::Status WorkerSource::Start() {
  absl::StatusOr<std::shared_ptr<Subscription>> found =
      subscriptions_.Find(name_);
  if (!found.ok()) return found.status();
  const absl::StatusOr<WorkerKey> joined =
      (*found)->Join(WithRoomForDelivery(spec_), mailbox_);
  if (!joined.ok()) return joined.status();
  subscription_ = *std::move(found);
  worker_ = *joined;
  return absl::OkStatus();
}

StreamPart WorkerSource::MakePart() const {
  return {.batch = Batch(spec_.view, spec_.batch), .rest = {}};
}

absl::StatusOr<StreamSource::Next> WorkerSource::Fill(StreamPart& part) {
  const absl::Status end = mailbox_->end();
  if (!end.ok()) return end;
  std::optional<Handout> handout = mailbox_->Take();
  if (handout.has_value()) asked_ = false;
  // What has waited here for too long is somebody else's by now.
  while (handout.has_value() && !subscription_->BeginSend(*handout)) {
    handout = mailbox_->Take();
  }
  if (!asked_ && mailbox_->HasRoom()) {
    asked_ = true;
    subscription_->Ready(*worker_);
  }
  if (!handout.has_value()) return Next::kWait;
  part.batch = std::move(handout->batch);
  *part.rest.mutable_delivery() = std::move(handout->delivery);
  if (handout->gap.has_value()) *part.rest.mutable_gap() = *handout->gap;
  return Next::kSend;
}

absl::Status WorkerSource::FillLast(StreamPart& /*part*/) {
  // What is leased and not sent is given back by Stop(), and leased to a worker
  // whose stream goes on.
  return mailbox_->end();
}

void WorkerSource::Describe(v1::SubscribeResponse& response) {
  cursor_ = std::max(cursor_, subscription_->cursor());
  const LogBounds bounds = log_.Bounds();
  response.set_cursor(EncodeCursor({bounds.log_id, cursor_}));
  response.set_backlog(bounds.CountAfter(cursor_));
}

void WorkerSource::DescribeInfo(v1::StreamInfo& info) const {
  info.set_log_id(log_.Bounds().log_id.ToString());
  info.set_max_batch_events(static_cast<uint32_t>(spec_.batch.events_max));
  info.set_max_batch_bytes(static_cast<uint32_t>(spec_.batch.bytes_max));
}

void WorkerSource::Stop() {
  const std::deque<Handout> unsent = mailbox_->Close();
  if (!worker_.has_value()) return;
  for (const Handout& handout : unsent) subscription_->TakeBack(handout);
  subscription_->Leave(*std::exchange(worker_, std::nullopt));
}

}  // namespace enveloperelay
