#ifndef ENVELOPE_RELAY_CLIENT_RETRY_H_
#define ENVELOPE_RELAY_CLIENT_RETRY_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace enveloperelay::client {

// Exponential backoff with full jitter: each delay is drawn evenly from zero to
// a bound that doubles from `initial` up to `max`. Not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration max)
      : initial_(initial), max_(max), bound_(initial) {}

  // `random` is drawn evenly from [0, 1).
  absl::Duration Next(double random);
  void Reset() { bound_ = initial_; }

 private:
  absl::Duration initial_;
  absl::Duration max_;
  absl::Duration bound_;
};

// Whether trying again may mend `status`, with which a stream or a call ended.
// The table stands at Subscriber::Next; another worker in our place (see
// Worker::Run) is final, too. `answered`: a relay has answered this client
// before, so address and credentials were right.
bool RetryMayMend(const absl::Status& status, bool answered);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_RETRY_H_
