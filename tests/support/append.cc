#include "tests/support/append.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"

namespace enveloperelay::testing {

v1::EnvelopeEvent MakeEvent(const TestEvent& event) {
  v1::EnvelopeEvent made;
  made.set_event_id(std::string(event.event_id));
  made.set_type(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  made.set_type_name("envelope_completed");
  made.set_envelope_id(std::string(event.envelope_id));
  const timespec time = absl::ToTimespec(event.receive_time);
  made.mutable_receive_time()->set_seconds(time.tv_sec);
  made.mutable_receive_time()->set_nanos(static_cast<int>(time.tv_nsec));
  made.set_origin(v1::ORIGIN_WEBHOOK);
  made.set_payload(std::string(event.payload));
  return made;
}

absl::StatusOr<Appended> AppendAndWait(EventLog& log, v1::EnvelopeEvent event) {
  // Shared: an answer that comes too late must still find it.
  const auto promise =
      std::make_shared<std::promise<absl::StatusOr<Appended>>>();
  std::future<absl::StatusOr<Appended>> answer = promise->get_future();
  log.Append(std::move(event), [promise](absl::StatusOr<Appended> result) {
    promise->set_value(std::move(result));
  });
  if (answer.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
    return absl::DeadlineExceededError("no answer to the append in a minute");
  }
  return answer.get();
}

}  // namespace enveloperelay::testing
