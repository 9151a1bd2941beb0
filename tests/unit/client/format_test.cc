#include "client/envelopectl/format.h"

#include <string>

#include "absl/status/status.h"
#include "client/webhook/poster.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::EnvelopeEvent Signed() {
  v1::EnvelopeEvent event;
  event.set_event_id("0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10");
  event.set_sequence(42);
  event.set_type(v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL);
  event.set_type_name("envelope_audit_trail");
  event.set_envelope_id("6697e681c5e364c7c23710d4");
  event.mutable_receive_time()->set_seconds(1'784'275'200);
  event.mutable_audit_trail()->set_action(v1::AUDIT_ACTION_ENVELOPE_SIGNED);
  event.mutable_audit_trail()->set_action_name("ENVELOPE_SIGNED");
  event.mutable_audit_trail()->set_recipient_id("6697cc22b4bd194facb20474");
  event.set_payload("{\"a\":1}");
  return event;
}

v1::EnvelopeEvent Completed() {
  v1::EnvelopeEvent event;
  event.set_sequence(7);
  event.set_type(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  event.set_envelope_id("6697e681c5e364c7c23710d4");
  event.set_file_name("contract");
  return event;
}

TEST(EventTableTest, AlignsRowsWithTheHeader) {
  EXPECT_EQ(EventHeader(false) + EventRow(Completed(), false) +
                EventRow(Signed(), false),
            " SEQUENCE  RECEIVED                  TYPE         ACTION    "
            "ENVELOPE                  FILE\n"
            "        7  -                         completed              "
            "6697e681c5e364c7c23710d4  contract\n"
            "       42  2026-07-17T08:00:00.000Z  audit_trail  signed    "
            "6697e681c5e364c7c23710d4\n");
}

TEST(EventTableTest, HasNoEscapeSequencesWithoutColors) {
  EXPECT_THAT(EventHeader(false) + EventRow(Signed(), false),
              Not(HasSubstr("\x1b")));
}

TEST(EventTableTest, ColorsTheTypeAndNothingElse) {
  EXPECT_THAT(EventRow(Completed(), true),
              HasSubstr("  \x1b[32mcompleted  \x1b[0m  "));
}

TEST(EventTableTest, EscapesWhatAStrangerWrote) {
  v1::EnvelopeEvent event = Completed();
  event.set_file_name("a\x1b]0;owned\a\nb");
  event.set_envelope_id("e\u202E1");

  const std::string row = EventRow(event, false);

  EXPECT_THAT(row, HasSubstr("e\\u202e1"));
  EXPECT_THAT(row, HasSubstr("a\\u001b]0;owned\\u0007\\nb\n"));
}

TEST(EventDetailsTest, ShowsWhatIsSetOneFieldALine) {
  EXPECT_EQ(EventDetails(Signed()),
            "event id:          0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10\n"
            "sequence:          42\n"
            "received:          2026-07-17T08:00:00.000Z\n"
            "type:              envelope_audit_trail\n"
            "envelope id:       6697e681c5e364c7c23710d4\n"
            "recipient id:      6697cc22b4bd194facb20474\n"
            "action:            ENVELOPE_SIGNED\n");
}

TEST(LogDetailsTest, ShowsAnEmptyLog) {
  v1::GetLogResponse log;
  log.set_log_id("00ff");

  EXPECT_EQ(LogDetails(log),
            "log id:            00ff\n"
            "earliest sequence: 0\n"
            "latest sequence:   0\n"
            "earliest received: -\n"
            "latest received:   -\n");
}

TEST(JsonLineTest, IsTheCanonicalMappingOnOneLine) {
  EXPECT_EQ(
      JsonLine(Signed()).value_or("error"),
      R"({"eventId":"0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10","sequence":"42",)"
      R"("type":"EVENT_TYPE_ENVELOPE_AUDIT_TRAIL",)"
      R"("typeName":"envelope_audit_trail",)"
      R"("envelopeId":"6697e681c5e364c7c23710d4",)"
      R"("receiveTime":"2026-07-17T08:00:00Z",)"
      R"("auditTrail":{"recipientId":"6697cc22b4bd194facb20474",)"
      R"("action":"AUDIT_ACTION_ENVELOPE_SIGNED",)"
      R"("actionName":"ENVELOPE_SIGNED"},"payload":"eyJhIjoxfQ=="})"
      "\n");
}

TEST(JsonLineTest, FailsForATimeWithoutAJsonForm) {
  v1::EnvelopeEvent event;
  event.mutable_receive_time()->set_nanos(-1);

  EXPECT_EQ(JsonLine(event).status().code(), absl::StatusCode::kInternal);
}

TEST(StoredTest, ShowsWhatTheRelayAnswered) {
  const StoredWebhook stored{.event_id = "0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10",
                             .sequence = "42",
                             .duplicate = true,
                             .traceparent = "00-1"};

  EXPECT_EQ(StoredHeader(false) + StoredRow("envelope_voided", stored),
            " SEQUENCE  EVENT ID                              DUPLICATE  "
            "WEBHOOK\n"
            "       42  0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10  yes        "
            "envelope_voided\n");
  EXPECT_EQ(StoredJson(stored),
            "{\"event_id\":\"0b6b1a1e-5c0f-8d2a-9a51-3c1f0c7b2a10\","
            "\"sequence\":\"42\",\"duplicate\":true,"
            "\"traceparent\":\"00-1\"}\n");
}

}  // namespace
}  // namespace enveloperelay::client
