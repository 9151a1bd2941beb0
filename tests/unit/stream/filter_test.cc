#include "server/stream/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/record.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::EnvelopeEvent Completed() {
  v1::EnvelopeEvent event;
  event.set_event_id("e-1");
  event.set_type(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  event.set_envelope_id("env-1");
  event.set_hook_id("hook-1");
  event.set_uid("uid-1");
  event.set_file_name("contract.pdf");
  event.set_payload("{}");
  return event;
}

v1::EnvelopeEvent Signed() {
  v1::EnvelopeEvent event = Completed();
  event.set_type(v1::EVENT_TYPE_ENVELOPE_AUDIT_TRAIL);
  event.mutable_audit_trail()->set_recipient_id("rec-1");
  event.mutable_audit_trail()->set_action(v1::AUDIT_ACTION_ENVELOPE_SIGNED);
  return event;
}

// Whether the event passes as it is stored.
bool Passes(const v1::EventFilter& filter, const v1::EnvelopeEvent& event) {
  Chunk chunk;
  AppendRecord(EncodeEvent(event), Cursor{LogId{1}, Sequence{1}}, 0, chunk);
  return EventFilter(filter).Matches(chunk.Event(chunk.records[0]));
}

TEST(EventFilterTest, AnEmptyOnePassesEverything) {
  EXPECT_TRUE(EventFilter(v1::EventFilter()).empty());
  EXPECT_TRUE(Passes({}, Completed()));
  EXPECT_TRUE(Passes({}, v1::EnvelopeEvent()));
}

TEST(EventFilterTest, PassesWhatHasOneOfTheTypes) {
  v1::EventFilter filter;
  filter.add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  EXPECT_FALSE(Passes(filter, Completed()));
  filter.add_types(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  EXPECT_TRUE(Passes(filter, Completed()));
  EXPECT_FALSE(Passes(filter, Signed()));
}

TEST(EventFilterTest, TheUnspecifiedTypeMeansEventsOfUnknownType) {
  v1::EventFilter filter;
  filter.add_types(v1::EVENT_TYPE_UNSPECIFIED);
  v1::EnvelopeEvent unknown = Completed();
  unknown.set_type(v1::EVENT_TYPE_UNSPECIFIED);
  EXPECT_TRUE(Passes(filter, unknown));
  EXPECT_FALSE(Passes(filter, Completed()));
}

TEST(EventFilterTest, OnlyAnAuditTrailMatchesAnAction) {
  v1::EventFilter filter;
  filter.add_audit_actions(v1::AUDIT_ACTION_ENVELOPE_SIGNED);
  EXPECT_TRUE(Passes(filter, Signed()));
  EXPECT_FALSE(Passes(filter, Completed()));
  v1::EnvelopeEvent viewed = Signed();
  viewed.mutable_audit_trail()->set_action(v1::AUDIT_ACTION_ENVELOPE_VIEWED);
  EXPECT_FALSE(Passes(filter, viewed));
}

TEST(EventFilterTest, TheUnspecifiedActionMeansAuditTrailsOfUnknownAction) {
  v1::EventFilter filter;
  filter.add_audit_actions(v1::AUDIT_ACTION_UNSPECIFIED);
  v1::EnvelopeEvent unknown = Signed();
  unknown.mutable_audit_trail()->clear_action();
  EXPECT_TRUE(Passes(filter, unknown));
  unknown.mutable_audit_trail()->Clear();
  EXPECT_TRUE(Passes(filter, unknown));
  EXPECT_FALSE(Passes(filter, Signed()));
  EXPECT_FALSE(Passes(filter, Completed()));
}

TEST(EventFilterTest, OnlyAnAuditTrailMatchesARecipient) {
  v1::EventFilter filter;
  filter.add_recipient_ids("rec-1");
  EXPECT_TRUE(Passes(filter, Signed()));
  EXPECT_FALSE(Passes(filter, Completed()));
  v1::EventFilter nobody;
  nobody.add_recipient_ids("");
  EXPECT_FALSE(Passes(nobody, Completed()));
}

TEST(EventFilterTest, PassesWhatHasOneOfTheIds) {
  v1::EventFilter envelopes;
  envelopes.add_envelope_ids("env-2");
  EXPECT_FALSE(Passes(envelopes, Completed()));
  envelopes.add_envelope_ids("env-1");
  EXPECT_TRUE(Passes(envelopes, Completed()));

  v1::EventFilter uids;
  uids.add_uids("UID-1");
  EXPECT_FALSE(Passes(uids, Completed()));
  uids.add_uids("uid-1");
  EXPECT_TRUE(Passes(uids, Completed()));

  v1::EventFilter hooks;
  hooks.add_hook_ids("hook-");
  EXPECT_FALSE(Passes(hooks, Completed()));
  hooks.add_hook_ids("hook-1");
  EXPECT_TRUE(Passes(hooks, Completed()));
}

TEST(EventFilterTest, AnEmptyIdMeansEventsWithoutOne) {
  v1::EventFilter filter;
  filter.add_uids("");
  EXPECT_FALSE(Passes(filter, Completed()));
  v1::EnvelopeEvent without = Completed();
  without.clear_uid();
  EXPECT_TRUE(Passes(filter, without));
}

TEST(EventFilterTest, LooksAtNothingFromThePayloadOn) {
  v1::EnvelopeEvent inner;
  inner.set_envelope_id("env-2");
  v1::EnvelopeEvent event = Completed();
  event.set_payload(inner.SerializeAsString());
  v1::EventFilter filter;
  filter.add_envelope_ids("env-2");
  EXPECT_FALSE(Passes(filter, event));
}

// What events.proto says, on the parsed event.
bool Reference(const v1::EventFilter& filter, const v1::EnvelopeEvent& event) {
  const auto any = [](const auto& list, const auto& value) {
    return list.empty() ||
           std::find(list.begin(), list.end(), value) != list.end();
  };
  const v1::AuditTrail& audit = event.audit_trail();
  return any(filter.types(), event.type()) &&
         any(filter.envelope_ids(), event.envelope_id()) &&
         any(filter.uids(), event.uid()) &&
         any(filter.hook_ids(), event.hook_id()) &&
         (filter.audit_actions().empty() || event.has_audit_trail()) &&
         any(filter.audit_actions(), audit.action()) &&
         (filter.recipient_ids().empty() || event.has_audit_trail()) &&
         any(filter.recipient_ids(), audit.recipient_id());
}

TEST(EventFilterTest, AgreesWithTheSameQuestionsAskedOfParsedEvents) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto below = [&random](int n) {
    return std::uniform_int_distribution<int>(0, n - 1)(random);
  };
  const auto id = [&below] {
    const int n = below(4);
    return n == 0 ? std::string() : absl::StrCat("id-", n);
  };
  for (int i = 0; i < 20'000; ++i) {
    v1::EnvelopeEvent event;
    event.set_event_id("e");
    event.set_type(static_cast<v1::EventType>(below(6)));
    event.set_envelope_id(id());
    event.set_uid(id());
    event.set_hook_id(id());
    if (below(2) == 0) {
      event.mutable_audit_trail()->set_action(
          static_cast<v1::AuditAction>(below(4)));
      event.mutable_audit_trail()->set_recipient_id(id());
    }
    if (below(2) == 0) event.set_payload(id());
    v1::EventFilter filter;
    for (int n = below(3); n > 0; --n) {
      filter.add_types(static_cast<v1::EventType>(below(6)));
    }
    for (int n = below(3); n > 0; --n) {
      filter.add_audit_actions(static_cast<v1::AuditAction>(below(4)));
    }
    for (int n = below(3); n > 0; --n) filter.add_envelope_ids(id());
    for (int n = below(3); n > 0; --n) filter.add_recipient_ids(id());
    for (int n = below(3); n > 0; --n) filter.add_uids(id());
    for (int n = below(3); n > 0; --n) filter.add_hook_ids(id());
    ASSERT_EQ(Passes(filter, event), Reference(filter, event))
        << filter.DebugString() << "\n"
        << event.DebugString();
  }
}

std::vector<std::string> InvalidFields(const v1::EventFilter& filter) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : ValidateFilter(filter)) {
    fields.push_back(violation.field);
  }
  return fields;
}

TEST(ValidateFilterTest, AllowsAThousandValues) {
  v1::EventFilter filter;
  for (int i = 0; i < 999; ++i) filter.add_envelope_ids(absl::StrCat(i));
  filter.add_uids("u");
  EXPECT_THAT(InvalidFields(filter), IsEmpty());
}

TEST(ValidateFilterTest, NamesTheLongestFieldOfTooManyValues) {
  v1::EventFilter filter;
  for (int i = 0; i < 600; ++i) filter.add_envelope_ids(absl::StrCat(i));
  for (int i = 0; i < 401; ++i) filter.add_recipient_ids(absl::StrCat(i));
  EXPECT_THAT(InvalidFields(filter), ElementsAre("filter.envelope_ids"));
}

TEST(ValidateFilterTest, RefusesEnumValuesThatThisVersionDoesNotKnow) {
  v1::EventFilter filter;
  filter.add_types(static_cast<v1::EventType>(6));
  filter.add_audit_actions(static_cast<v1::AuditAction>(-1));
  EXPECT_THAT(InvalidFields(filter),
              ElementsAre("filter.types", "filter.audit_actions"));
}

TEST(ValidateFilterTest, RefusesAnOverlongValue) {
  v1::EventFilter filter;
  filter.add_hook_ids(std::string(kFilterValueBytesMax, 'h'));
  EXPECT_THAT(InvalidFields(filter), IsEmpty());
  filter.add_hook_ids(std::string(kFilterValueBytesMax + 1, 'h'));
  EXPECT_THAT(InvalidFields(filter), ElementsAre("filter.hook_ids"));
}

TEST(EventFilterTest, CountsTheMemoryOfItsValues) {
  v1::EventFilter filter;
  for (int i = 0; i < 100; ++i) {
    filter.add_uids(std::string(500, static_cast<char>('a' + i % 26)) +
                    absl::StrCat(i));
  }
  EXPECT_GT(EventFilter(filter).memory_bytes(), 50'000);
}

}  // namespace
}  // namespace enveloperelay
