#include "client/demo/arrivals.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::client {

void Arrivals::Add(const v1::SubscribeResponse& response) {
  const absl::Time now = absl::Now();
  const std::lock_guard<std::mutex> lock(mutex_);
  confirmed_ = true;
  for (const v1::EnvelopeEvent& event : response.events()) {
    arrivals_.push_back({.event_id = event.event_id(), .time = now});
  }
  if (response.events().empty()) ++quiet_responses_;
  changed_.notify_all();
}

void Arrivals::Broke(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  trouble_ = status;
}

void Arrivals::Ended(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  trouble_ = status;
  ended_ = true;
  changed_.notify_all();
}

absl::Status Arrivals::AwaitConfirmation(absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  return Await(deadline, [this] { return confirmed_; }, lock);
}

absl::StatusOr<absl::Time> Arrivals::AwaitEvent(const std::string& event_id,
                                                absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  absl::Time time;
  const auto arrived = [&] {
    const auto it = std::ranges::find(arrivals_, event_id, &Arrival::event_id);
    if (it == arrivals_.end()) return false;
    time = it->time;
    return true;
  };
  const absl::Status status = Await(deadline, arrived, lock);
  if (!status.ok()) return status;
  return time;
}

absl::StatusOr<std::vector<std::string>> Arrivals::AwaitQuiet(
    absl::Time deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  const size_t before = quiet_responses_;
  const absl::Status status =
      Await(deadline, [&] { return quiet_responses_ > before; }, lock);
  if (!status.ok()) return status;
  std::vector<std::string> ids;
  ids.reserve(arrivals_.size());
  for (const Arrival& arrival : arrivals_) ids.push_back(arrival.event_id);
  return ids;
}

absl::Status Arrivals::Await(absl::Time deadline,
                             const std::function<bool()>& holds,
                             std::unique_lock<std::mutex>& lock) {
  const bool held = changed_.wait_until(lock, absl::ToChronoTime(deadline),
                                        [&] { return ended_ || holds(); }) &&
                    holds();
  if (held) return absl::OkStatus();
  if (ended_) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the subscription ended: %s", trouble_.message()));
  }
  if (!trouble_.ok()) {
    return absl::DeadlineExceededError(
        absl::StrFormat("the subscription is broken: %s", trouble_.message()));
  }
  return absl::DeadlineExceededError("nothing came within the time limit");
}

}  // namespace enveloperelay::client
