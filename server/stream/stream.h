#ifndef ENVELOPE_RELAY_SERVER_STREAM_STREAM_H_
#define ENVELOPE_RELAY_SERVER_STREAM_STREAM_H_

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/clock.h"
#include "server/stream/metrics.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

// The call that carries a stream. For the thread that runs the stream's step.
class StreamCall {
 public:
  virtual ~StreamCall() = default;

  // Sends a response, after the one before it; answered by Stream::OnWritten.
  // Two at most may wait for that.
  virtual void Write(grpc::ByteBuffer response) = 0;
  // Ends the call, once, well or with an error of the contract. A response on
  // its way is still sent, but not a second one.
  // Returns how many responses that were written will not go out, and are not
  // answered.
  virtual int Finish(const absl::Status& status) = 0;
  // Ends the call as the client cancelled it. Returns the same.
  virtual int FinishCancelled() = 0;
  // Breaks the call off, and with it a response that is stuck.
  virtual void Reset() = 0;
};

// What holds for every stream of a server.
struct StreamOptions {
  // Names this replica, for logs and support.
  std::string server_id;
  // Streams end by themselves after this, 20 % more or less.
  absl::Duration max_stream_age = absl::Minutes(30);
  // A response that cannot be sent for so long ends its stream.
  absl::Duration stall_timeout = absl::Minutes(15);
};

// One Subscribe call: a source of events and one write in flight, two while the
// client catches up, so that the next response is read while one is sent. It
// knows no thread and no socket: Step() looks at what is due and does it
// through the StreamCall.
//
//   Start ──▶ first response ──▶ batches, heartbeats ──▶ end ──▶ finished
//
// For one thread at a time.
class Stream {
 public:
  // What a stream uses; each outlives it.
  struct Environment {
    const Clock& clock;
    const StreamOptions& options;
    StreamMetrics& metrics;
    StepScheduler& steps;
    StreamCall& call;
  };

  // `jitter` is random, 0 to 1: it spreads the ends and the returns of streams
  // that began together.
  Stream(const Environment& environment, std::unique_ptr<StreamSource> source,
         absl::Duration heartbeat_interval, double jitter);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void Step();
  // The oldest response in flight has left, or never will (`ok` false).
  void OnWritten(bool ok);
  // The client has gone.
  void OnCancelled();
  // The server is about to stop.
  void OnDrain();
  // The caller may not go on, as `status` says.
  void OnWithdrawn(const absl::Status& status);

  bool finished() const { return finished_; }

 private:
  void Start();
  // Whether there is more to send than the response in flight.
  bool MayRunAhead(SteadyTime now) const;
  void Deliver(SteadyTime now);
  void WriteEnd(v1::EndReason reason);
  // Sends `part` and what stands in every response.
  void Write(StreamPart part);
  v1::StreamInfo MakeInfo() const;
  v1::StreamEnd MakeEnd(v1::EndReason reason) const;
  void Finish(const absl::Status& status, std::string_view end);
  // Ends with an error, of the contract or of the log.
  void Fail(const absl::Status& status);
  void FinishCancelled();
  void EndStalled(SteadyTime now);
  // A response on its way has so long to leave, before the call is broken off.
  void GraceBeforeReset(SteadyTime now);

  const Clock& clock_;
  const StreamOptions& options_;
  StreamMetrics& metrics_;
  StepScheduler& steps_;
  StreamCall& call_;

  const std::unique_ptr<StreamSource> source_;
  const absl::Duration heartbeat_interval_;
  const double jitter_;

  bool started_ = false;
  int in_flight_ = 0;  // responses
  // There was more to send behind the last response.
  bool behind_ = false;
  bool cancelled_ = false;
  bool draining_ = false;
  bool finished_ = false;
  // Why the response in flight is the last one.
  v1::EndReason end_ = v1::END_REASON_UNSPECIFIED;
  SteadyTime heartbeat_due_;
  SteadyTime age_due_;
  // While a response is in flight: when to give it up. Once it was given up:
  // when to break the call off.
  SteadyTime stall_due_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_STREAM_H_
