#ifndef ENVELOPE_RELAY_TESTS_LOAD_SETTLING_H_
#define ENVELOPE_RELAY_TESTS_LOAD_SETTLING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "server/base/mutex.h"

namespace enveloperelay::load {

// How far workers have come with the events that they are to settle.
// Thread-safe.
class Progress {
 public:
  explicit Progress(uint64_t events) : left_(events) {}

  // A settlement is on its way.
  void Enter() ABSL_LOCKS_EXCLUDED(mutex_);
  // It is answered.
  void Leave(const absl::Status& status, uint64_t events)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // A worker cannot go on.
  void Fail(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // All is settled, or something failed.
  bool over() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for that; says when the last event was settled.
  // Errors: what failed first; kDeadlineExceeded.
  absl::StatusOr<absl::Time> Wait(absl::Duration patience)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  bool Over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t left_ ABSL_GUARDED_BY(mutex_);
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_ ABSL_GUARDED_BY(mutex_);
};

// Says DONE of all `events` events of a delivery, by a call of its own that
// nobody waits for. The answer counts as `progress`.
void SettleDone(v1::EnvelopeEventService::Stub& stub,
                const std::string& subscription, std::string delivery_id,
                uint64_t events, std::shared_ptr<Progress> progress);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_SETTLING_H_
