#include "client/envelopectl/names.h"

#include <optional>

#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::Optional;

TEST(NamesTest, ReadsAnEventTypeInEverySpelling) {
  for (const char* text :
       {"completed", "Completed", "envelope_completed", "ENVELOPE_COMPLETED",
        "EVENT_TYPE_ENVELOPE_COMPLETED"}) {
    EXPECT_THAT(ParseEventType(text),
                Optional(v1::EVENT_TYPE_ENVELOPE_COMPLETED))
        << text;
  }
  EXPECT_THAT(ParseEventType("audit-trail"),
              Optional(v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL));
}

TEST(NamesTest, RefusesEventTypesThatDoNotExist) {
  for (const char* text : {"", "complete", "unspecified",
                           "EVENT_TYPE_UNSPECIFIED", "envelope_", "signed"}) {
    EXPECT_EQ(ParseEventType(text), std::nullopt) << text;
  }
}

TEST(NamesTest, ReadsAnActionInEverySpelling) {
  for (const char* text : {"signed", "envelope_signed", "ENVELOPE_SIGNED",
                           "AUDIT_ACTION_ENVELOPE_SIGNED"}) {
    EXPECT_THAT(ParseAuditAction(text),
                Optional(v1::AUDIT_ACTION_ENVELOPE_SIGNED))
        << text;
  }
  EXPECT_EQ(ParseAuditAction("completed"), std::nullopt);
}

TEST(NamesTest, ShortensWhatIsKnown) {
  v1::EnvelopeEvent event;
  event.set_type(v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL);
  event.set_type_name("ENVELOPE_AUDIT_TRAIL");
  event.mutable_audit_trail()->set_action(v1::AUDIT_ACTION_ENVELOPE_VIEWED);

  EXPECT_EQ(ShortTypeName(event), "audit_trail");
  EXPECT_EQ(ShortActionName(event), "viewed");
}

TEST(NamesTest, ShowsAnUnknownNameAsItWasSentButEscaped) {
  v1::EnvelopeEvent event;
  event.set_type_name("envelope_\x1b[2J");
  event.mutable_audit_trail()->set_action_name("ENVELOPE\nSHREDDED");

  EXPECT_EQ(ShortTypeName(event), "envelope_\\u001b[2J");
  EXPECT_EQ(ShortActionName(event), "ENVELOPE\\nSHREDDED");
}

TEST(NamesTest, ShortensValues) {
  EXPECT_EQ(ShortName(v1::EVENT_TYPE_ENVELOPE_VOIDED), "voided");
  EXPECT_EQ(ShortName(v1::AUDIT_ACTION_ENVELOPE_SIGNED), "signed");
  EXPECT_EQ(ShortName(static_cast<v1::EventType>(99)), "99");
}

TEST(NamesTest, ListsTheChoices) {
  EXPECT_EQ(EventTypeChoices(),
            "completed, expired, declined, voided, audit_trail");
  EXPECT_EQ(AuditActionChoices(), "viewed, signed, declined");
}

}  // namespace
}  // namespace enveloperelay::client
