#include "server/quarantine/retry.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "server/quarantine/metrics.h"
#include "server/quarantine/quarantine.h"
#include "server/signplus/webhook.h"

namespace enveloperelay {
namespace {

// Bodies of one step: what a retry holds in memory, and appends at once.
constexpr size_t kStepBytesMax = size_t{4} << 20;

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

// Goes through the ids in steps: reads bodies, appends events, waits for both
// kinds of writes. Nothing runs beside anything else, but for the answers to
// the appends of a step. Kept alive by whoever is to call it.
class Retry : public std::enable_shared_from_this<Retry> {
 public:
  Retry(RetryEnvironment environment, std::vector<std::string> ids,
        bool dry_run, RetryDone done)
      : env_(std::move(environment)),
        ids_(std::move(ids)),
        dry_run_(dry_run),
        done_(std::move(done)) {
    results_.reserve(ids_.size());
  }

  void Step();

 private:
  // An event and the place of its result.
  struct Attempt {
    size_t index;
    v1::EnvelopeEvent event;
    absl::StatusOr<Appended> appended = absl::UnknownError("not answered");
  };

  // Reads and parses until the step has as much as it may; an attempt for each
  // body that is an event.
  absl::Status ReadStep();
  void Try(const v1::QuarantinedWebhook& webhook);
  absl::Status LookUp();
  void Append();
  void OnAppended();
  void OnRemoved(const absl::Status& removed, const absl::Status& appended);
  void SetStored(size_t index, const Appended& appended);
  // Goes on with the next step, if there is one.
  void GoOn();
  void Finish(absl::Status status);

  const RetryEnvironment env_;
  const std::vector<std::string> ids_;
  const bool dry_run_;
  RetryDone done_;
  std::vector<v1::RetryResult> results_;  // of the first ids
  std::vector<Attempt> attempts_;         // of this step
  std::atomic<size_t> unanswered_ = 0;
};

void Retry::Step() {
  attempts_.clear();
  absl::Status status = ReadStep();
  if (status.ok() && dry_run_) status = LookUp();
  if (!status.ok()) {
    Finish(std::move(status));
  } else if (!dry_run_ && !attempts_.empty()) {
    Append();
  } else {
    GoOn();
  }
}

void Retry::GoOn() {
  if (results_.size() == ids_.size()) {
    Finish(absl::OkStatus());
  } else {
    env_.run([self = shared_from_this()] { self->Step(); });
  }
}

absl::Status Retry::ReadStep() {
  size_t bytes = 0;
  while (results_.size() < ids_.size() && bytes < kStepBytesMax) {
    const std::string& id = ids_[results_.size()];
    const absl::StatusOr<v1::QuarantinedWebhook> webhook =
        env_.quarantine.Get(id, /*with_body=*/true);
    v1::RetryResult& result = results_.emplace_back();
    result.set_id(id);
    if (webhook.ok()) {
      bytes += webhook->body().size();
      Try(*webhook);
    } else if (absl::IsNotFound(webhook.status())) {
      result.set_outcome(v1::RETRY_OUTCOME_NOT_FOUND);
    } else {
      return webhook.status();
    }
  }
  return absl::OkStatus();
}

void Retry::Try(const v1::QuarantinedWebhook& webhook) {
  absl::StatusOr<v1::EnvelopeEvent> event = ParseWebhook(
      {.body = webhook.body(),
       .receive_time = env_.clock.Now(),
       .dedup_window = env_.dedup_window,
       .traceparent = webhook.traceparent(),
       .first_receive_time = ToTime(webhook.first_receive_time())});
  v1::RetryResult& result = results_.back();
  if (!event.ok()) {
    result.set_outcome(v1::RETRY_OUTCOME_REFUSED);
    result.set_reason(absl::IsInvalidArgument(event.status())
                          ? v1::QUARANTINE_REASON_MALFORMED_JSON
                          : v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
    result.set_detail(std::string(event.status().message()));
    return;
  }
  result.set_event_id(event->event_id());
  attempts_.push_back(
      {.index = results_.size() - 1, .event = *std::move(event)});
}

absl::Status Retry::LookUp() {
  for (const Attempt& attempt : attempts_) {
    const absl::StatusOr<Sequence> found =
        env_.log.FindEventId(attempt.event.event_id());
    if (found.ok()) {
      SetStored(attempt.index, {.sequence = *found, .duplicate = true});
    } else if (absl::IsNotFound(found.status())) {
      results_[attempt.index].set_outcome(v1::RETRY_OUTCOME_STORED);
    } else {
      return found.status();
    }
  }
  return absl::OkStatus();
}

void Retry::SetStored(size_t index, const Appended& appended) {
  v1::RetryResult& result = results_[index];
  result.set_outcome(appended.duplicate ? v1::RETRY_OUTCOME_DUPLICATE
                                        : v1::RETRY_OUTCOME_STORED);
  result.set_sequence(appended.sequence.value);
}

void Retry::Append() {
  // One more, so that the answers to the first ones do not end the step.
  unanswered_ = attempts_.size() + 1;
  for (Attempt& attempt : attempts_) {
    env_.log.Append(std::move(attempt.event),
                    [self = shared_from_this(),
                     &attempt](absl::StatusOr<Appended> appended) {
                      attempt.appended = std::move(appended);
                      self->OnAppended();
                    });
  }
  OnAppended();
}

void Retry::OnAppended() {
  if (unanswered_.fetch_sub(1) > 1) return;
  absl::Status failure;
  std::vector<std::string> stored;
  for (const Attempt& attempt : attempts_) {
    if (attempt.appended.ok()) {
      SetStored(attempt.index, *attempt.appended);
      stored.push_back(ids_[attempt.index]);
    } else {
      failure = attempt.appended.status();
    }
  }
  env_.quarantine.Remove(stored, QuarantineExit::kStored,
                         [self = shared_from_this(),
                          failure](const absl::StatusOr<size_t>& removed) {
                           self->OnRemoved(removed.status(), failure);
                         });
}

void Retry::OnRemoved(const absl::Status& removed,
                      const absl::Status& appended) {
  if (!appended.ok()) {
    Finish(absl::UnavailableError(absl::StrCat(
        "the log takes no events now: ", std::string(appended.message()))));
  } else if (!removed.ok()) {
    Finish(removed);
  } else {
    GoOn();
  }
}

void Retry::Finish(absl::Status status) {
  if (status.ok()) {
    std::move(done_)(std::move(results_));
  } else {
    std::move(done_)(std::move(status));
  }
}

}  // namespace

void RetryQuarantined(const RetryEnvironment& environment,
                      std::vector<std::string> ids, bool dry_run,
                      RetryDone done) {
  std::make_shared<Retry>(environment, std::move(ids), dry_run, std::move(done))
      ->Step();
}

}  // namespace enveloperelay
