#include "tests/load/settling.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.grpc.pb.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/mutex.h"

namespace enveloperelay::load {
namespace {

// One call, until it is answered.
struct Settling {
  grpc::ClientContext context;
  v1::AcknowledgeRequest request;
  v1::AcknowledgeResponse response;
};

absl::Status Check(const grpc::Status& called,
                   const v1::AcknowledgeResponse& response) {
  if (!called.ok()) {
    return absl::UnavailableError(
        absl::StrCat("Acknowledge: ", called.error_message()));
  }
  if (response.statuses_size() == 1 &&
      response.statuses(0) == v1::SETTLEMENT_STATUS_OK) {
    return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat("a settlement went wrong: ", response.ShortDebugString()));
}

}  // namespace

void Progress::Enter() {
  const MutexLock lock(mutex_);
  ++in_flight_;
}

void Progress::Leave(const absl::Status& status, uint64_t events) {
  const MutexLock lock(mutex_);
  --in_flight_;
  if (status.ok()) left_ -= std::min(left_, events);
  if (status_.ok()) status_ = status;
  if (!Over()) return;
  end_ = absl::Now();
  changed_.NotifyAll();
}

void Progress::Fail(const absl::Status& status) {
  const MutexLock lock(mutex_);
  if (status_.ok()) status_ = status;
  changed_.NotifyAll();
}

bool Progress::Over() const { return left_ == 0 || !status_.ok(); }

bool Progress::over() const {
  const MutexLock lock(mutex_);
  return Over();
}

absl::StatusOr<absl::Time> Progress::Wait(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  const MutexLock lock(mutex_);
  while (in_flight_ > 0 || !Over()) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat(left_, " events are not settled, ", in_flight_,
                       " settlements are not answered"));
    }
    changed_.WaitFor(mutex_, left);
  }
  if (!status_.ok()) return status_;
  return end_;
}

void SettleDone(v1::EnvelopeEventService::Stub& stub,
                const std::string& subscription, std::string delivery_id,
                uint64_t events, std::shared_ptr<Progress> progress) {
  const auto settling = std::make_shared<Settling>();
  settling->request.set_subscription(subscription);
  v1::Settlement& settlement = *settling->request.add_settlements();
  settlement.set_delivery_id(std::move(delivery_id));
  settlement.set_action(v1::ACK_ACTION_DONE);
  progress->Enter();
  stub.async()->Acknowledge(
      &settling->context, &settling->request, &settling->response,
      [settling, progress, events](const grpc::Status& called) {
        progress->Leave(Check(called, settling->response), events);
      });
}

}  // namespace enveloperelay::load
