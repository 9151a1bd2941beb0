#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_APPEND_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_APPEND_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/event_log.h"

namespace enveloperelay::testing {

// What an event in a test is made of.
struct TestEvent {
  std::string_view event_id;
  std::string_view envelope_id = "envelope-1";
  absl::Time receive_time = absl::FromUnixSeconds(1'700'000'000);
  std::string_view payload = R"({"hook":{}})";
};

// An event of type ENVELOPE_COMPLETED.
v1::EnvelopeEvent MakeEvent(const TestEvent& event);

// Appends, and waits for the answer: kDeadlineExceeded after a minute.
absl::StatusOr<Appended> AppendAndWait(EventLog& log, v1::EnvelopeEvent event);

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_APPEND_H_
