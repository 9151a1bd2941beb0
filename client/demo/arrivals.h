#ifndef ENVELOPE_RELAY_CLIENT_DEMO_ARRIVALS_H_
#define ENVELOPE_RELAY_CLIENT_DEMO_ARRIVALS_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

// What a subscriber's thread has received, for another one to wait for.
// Thread-safe.
class Arrivals {
 public:
  // From the subscriber's thread.
  void Add(const v1::SubscribeResponse& response);
  // Why the subscriber is connecting again, or has ended.
  void Broke(const absl::Status& status);
  void Ended(const absl::Status& status);

  // Returns once the relay has confirmed the subscription.
  // Errors, of all that wait: kDeadlineExceeded, or how the subscriber ended.
  absl::Status AwaitConfirmation(absl::Time deadline);

  // Returns when event `event_id` first arrived.
  absl::StatusOr<absl::Time> AwaitEvent(const std::string& event_id,
                                        absl::Time deadline);

  // Waits for the next response without events, which says that nothing more is
  // on its way, and returns the ids of all events so far, in order.
  absl::StatusOr<std::vector<std::string>> AwaitQuiet(absl::Time deadline);

 private:
  struct Arrival {
    std::string event_id;
    absl::Time time;
  };

  absl::Status Await(absl::Time deadline, const std::function<bool()>& holds,
                     std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<Arrival> arrivals_;
  size_t quiet_responses_ = 0;
  bool confirmed_ = false;
  bool ended_ = false;
  absl::Status trouble_;
};

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_DEMO_ARRIVALS_H_
