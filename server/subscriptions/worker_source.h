#ifndef ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_WORKER_SOURCE_H_
#define ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_WORKER_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"
#include "server/subscriptions/dispatcher.h"
#include "server/subscriptions/mailbox.h"
#include "server/subscriptions/subscription.h"
#include "server/subscriptions/subscriptions.h"

namespace enveloperelay {

// Events for a worker of a durable subscription: what is leased to it. Asks for
// the next lease while the one before is being sent.
class WorkerSource final : public StreamSource {
 public:
  // All outlive it. `steps` can be asked to step from any thread.
  WorkerSource(std::string subscription, WorkerSpec spec,
               const Subscriptions& subscriptions, const EventLog& log,
               StepScheduler& steps);
  ~WorkerSource() override;
  WorkerSource(const WorkerSource&) = delete;
  WorkerSource& operator=(const WorkerSource&) = delete;

  absl::Status Start() override;
  StreamPart MakePart() const override;
  absl::StatusOr<Next> Fill(StreamPart& part) override;
  absl::Status FillLast(StreamPart& part) override;
  // Leases are taken ahead as it is, and are to be sent while they are fresh.
  bool MayRunAhead() const override { return false; }
  // The subscription steps the stream by itself.
  void WaitForMore(StepScheduler& /*steps*/) override {}
  void Describe(v1::SubscribeResponse& response) override;
  void DescribeInfo(v1::StreamInfo& info) const override;
  void Stop() override;

 private:
  const std::string name_;
  const WorkerSpec spec_;
  const Subscriptions& subscriptions_;
  const EventLog& log_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Subscription> subscription_;
  std::optional<WorkerKey> worker_;
  bool asked_ = false;  // for a lease that has not come yet
  // Cursors do not go back on a stream.
  Sequence cursor_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SUBSCRIPTIONS_WORKER_SOURCE_H_
