#ifndef ENVELOPE_RELAY_SERVER_STREAM_LOG_SOURCE_H_
#define ENVELOPE_RELAY_SERVER_STREAM_LOG_SOURCE_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/stream/positions.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

// Events for a plain stream: the log from a position on, which the client
// keeps.
class LogSource final : public StreamSource {
 public:
  // `log` and `positions` outlive it. Its position is among those from Start()
  // to Stop().
  LogSource(ReadSpec read, const BatchLimits& limits, bool until_caught_up,
            EventLog& log, StreamPositions& positions);

  absl::Status Start() override;
  StreamPart MakePart() const override;
  absl::StatusOr<Next> Fill(StreamPart& part) override;
  absl::Status FillLast(StreamPart& part) override;
  bool MayRunAhead() const override { return true; }
  void WaitForMore(StepScheduler& steps) override;
  void Describe(v1::SubscribeResponse& response) override;
  void DescribeInfo(v1::StreamInfo& info) const override;
  void Stop() override { position_.reset(); }

 private:
  EventLog& log_;
  StreamPositions& positions_;
  LogReader reader_;
  std::optional<StreamPositions::Entry> position_;  // once it has started
  const BatchLimits limits_;
  const bool until_caught_up_;
  // The last event to send: the newest at the start if the stream ends there.
  Sequence until_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_LOG_SOURCE_H_
