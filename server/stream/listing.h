#ifndef ENVELOPE_RELAY_SERVER_STREAM_LISTING_H_
#define ENVELOPE_RELAY_SERVER_STREAM_LISTING_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/log/event_log.h"
#include "server/stream/reader.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/step_scheduler.h"

namespace enveloperelay {

// The call that carries a listing. For the thread that runs its step.
class ListCall {
 public:
  virtual ~ListCall() = default;

  // Ends the call, once.
  virtual void Finish(absl::StatusOr<grpc::ByteBuffer> response) = 0;
  // Ends the call as the client cancelled it.
  virtual void FinishCancelled() = 0;
};

// One ListEvents call: one page of events. The page may be short, or empty with
// a cursor that has moved on, when a filter leaves much out: a call looks at
// kScanBytesMax of the log at most, and goes beyond that only as long as it is
// to wait for a first event. For one thread at a time.
class Listing {
 public:
  // Bytes of the log that a call looks at.
  static constexpr size_t kScanBytesMax = size_t{64} << 20;
  // Bytes of a page, below the 4 MiB that a gRPC client accepts by default.
  static constexpr size_t kPageBytesMax = kBatchBytesMax;

  // What it uses; each outlives it.
  struct Environment {
    EventLog& log;
    StepScheduler& steps;
    ListCall& call;
  };

  Listing(const Environment& environment, ListSpec spec);

  void Step();
  // The client has gone.
  void OnCancelled();
  // The server is about to stop: no more waiting.
  void OnDrain();
  // The caller may not go on, as `status` says.
  void OnWithdrawn(const absl::Status& status);

 private:
  void Start();
  void Read();
  void Respond();

  StepScheduler& steps_;
  ListCall& call_;
  LogReader reader_;
  Batch page_;
  const absl::Duration wait_;
  size_t scanned_bytes_ = 0;
  bool started_ = false;
  bool draining_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
  SteadyTime wait_until_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_STREAM_LISTING_H_
