#include "server/signplus/webhook.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/signplus/first_seen.h"
#include "tests/support/fixtures.h"

namespace enveloperelay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kToken[] = "whtok_0123456789abcdef";

absl::Time At(std::string_view rfc3339) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(
      absl::ParseTime(absl::RFC3339_full, std::string(rfc3339), &time, &error))
      << error;
  return time;
}

absl::StatusOr<v1::EnvelopeEvent> Parse(
    std::string_view body, const std::vector<std::string>& secrets = {}) {
  return ParseWebhook({.body = body,
                       .receive_time = At("2026-01-02T03:04:05.678901234Z"),
                       .dedup_window = absl::Minutes(10),
                       .secrets = secrets});
}

v1::EnvelopeEvent MustParse(std::string_view body,
                            const std::vector<std::string>& secrets = {}) {
  const auto event = Parse(body, secrets);
  EXPECT_TRUE(event.ok()) << event.status() << " " << body;
  return event.ok() ? *event : v1::EnvelopeEvent();
}

// A body with `value`, as JSON, for the field at `section`.`key`.
std::string BodyWith(std::string_view section, std::string_view key,
                     std::string_view value) {
  const std::string extra =
      ",\"" + std::string(key) + "\":" + std::string(value);
  return R"({"hook":{"event":"envelope_expired")" +
         (section == "hook" ? extra : "") + R"(},"data":{"envelope_id":"e1")" +
         (section == "data" ? extra : "") + "}}";
}

std::string Nested(int levels) {
  // The root and `data` are two of them.
  return BodyWith("data", "x",
                  std::string(static_cast<size_t>(levels - 2), '[') +
                      std::string(static_cast<size_t>(levels - 2), ']'));
}

TEST(WebhookTest, ReadsEveryFixtureAsItsManifestSays) {
  const std::vector<testing::Fixture> fixtures = testing::LoadFixtures();
  ASSERT_EQ(fixtures.size(), 26U);
  for (const testing::Fixture& fixture : fixtures) {
    SCOPED_TRACE(fixture.file);
    const auto event = Parse(fixture.body);
    EXPECT_EQ(fixture.event.has_value(), fixture.http_status == 200);
    switch (fixture.http_status) {
      case 200:
        ASSERT_TRUE(event.ok()) << event.status();
        EXPECT_EQ(testing::ManifestFields(*event).DebugString(),
                  fixture.event.value_or(v1::EnvelopeEvent()).DebugString());
        EXPECT_EQ(event->payload(), fixture.body);
        break;
      case 400:
        EXPECT_EQ(event.status().code(), absl::StatusCode::kInvalidArgument);
        break;
      case 422:
        EXPECT_EQ(event.status().code(), absl::StatusCode::kFailedPrecondition);
        break;
      default:
        FAIL() << fixture.http_status;
    }
  }
}

TEST(WebhookTest, StampsTheEventWithOriginAndReceiveTimeInMicroseconds) {
  const v1::EnvelopeEvent event = MustParse(BodyWith("", "", ""));
  EXPECT_EQ(event.origin(), v1::ORIGIN_WEBHOOK);
  EXPECT_EQ(event.receive_time().seconds(), 1767323045);
  EXPECT_EQ(event.receive_time().nanos(), 678901000);
  EXPECT_EQ(event.sequence(), 0U);
  EXPECT_EQ(event.cursor(), "");
}

TEST(WebhookTest, KeepsTheTraceparent) {
  const std::string body = BodyWith("", "", "");
  const std::string valid =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Webhook webhook = {.body = body,
                     .receive_time = absl::UnixEpoch(),
                     .dedup_window = absl::Minutes(10),
                     .traceparent = valid};
  EXPECT_EQ(ParseWebhook(webhook)->traceparent(), valid);
  webhook.traceparent = "";
  EXPECT_EQ(ParseWebhook(webhook)->traceparent(), "");
}

// event_id_test.cc says where the constants come from.
TEST(WebhookTest, HashesTheDocumentedFields) {
  EXPECT_EQ(
      MustParse(
          R"({"hook":{"id":"not part of it","event":"ENVELOPE_completed"},)"
          R"("data":{"id":"6697ccb204bd194fa74c22b4",)"
          R"("uid":"4a6e29bfc5344ca6ad7cc8beda456481",)"
          R"("envelope_id":"6697e681c5e364c7c23710d4","file_name":"dummy"}})")
          .event_id(),
      "130dc28e-fb35-854c-97d7-80573c41c764");
  EXPECT_EQ(MustParse(R"({"hook":{"event":"envelope_audit_trail"},)"
                      R"("data":{"id":"6697ccb204bd194fa74c22b4",)"
                      R"("uid":"4a6e29bfc5344ca6ad7cc8beda456481",)"
                      R"("envelope_id":"6697e681c5e364c7c23710d4",)"
                      R"("recipient_id":"6697cc22b4bd194facb20474",)"
                      R"("action":"envelope_viewed"}})")
                .event_id(),
            "d0bf2da5-890c-8978-82dd-c780fb12ba20");
  EXPECT_EQ(MustParse(R"({"hook":{"event":"envelope_audit_trail"},)"
                      R"("data":{"id":"6697ccb204bd194fa74c22b4",)"
                      R"("uid":"4a6e29bfc5344ca6ad7cc8beda456481",)"
                      R"("envelope_id":"6697e681c5e364c7c23710d4",)"
                      R"("recipient_id":"6697cc22b4bd194facb20474",)"
                      R"("action":"ENVELOPE_SIGNED"}})")
                .event_id(),
            "45ce2a37-d7be-86b6-bbe4-87573c3e2d29");
}

// Whether a repeat at the end of a window and one after it are the same event.
struct Repeats {
  bool within;
  bool after;
};
Repeats RepeatsOf(const std::string& body) {
  const auto id_at = [&body](std::string_view time) {
    return ParseWebhook({.body = body,
                         .receive_time = At(time),
                         .dedup_window = absl::Minutes(10)})
        ->event_id();
  };
  const std::string first = id_at("2026-01-02T03:00:00Z");
  return {.within = first == id_at("2026-01-02T03:09:59.999Z"),
          .after = first == id_at("2026-01-02T03:10:00Z")};
}

TEST(WebhookTest, WhatHappensOnceIsTheSameEventForGood) {
  for (
      const std::string body : {
          R"({"hook":{"event":"envelope_completed"},"data":{"envelope_id":"e"}})",
          R"({"hook":{"event":"ENVELOPE_EXPIRED"},"data":{"envelope_id":"e"}})",
          R"({"hook":{"event":"envelope_declined"},"data":{"envelope_id":"e"}})",
          R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e"}})",
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","recipient_id":"r","action":"envelope_signed"}})",
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","recipient_id":"r","action":"ENVELOPE_DECLINED"}})",
      }) {
    const Repeats repeats = RepeatsOf(body);
    EXPECT_TRUE(repeats.within) << body;
    EXPECT_TRUE(repeats.after) << body;
  }
}

TEST(WebhookTest, WhatMayHappenAgainIsTheSameEventWithinAWindow) {
  for (
      const std::string body : {
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","recipient_id":"r","action":"ENVELOPE_VIEWED"}})",
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","recipient_id":"r","action":"ENVELOPE_REASSIGNED"}})",
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","recipient_id":"r"}})",
          R"({"hook":{"event":"envelope_audit_trail"},"data":{"envelope_id":"e","action":"ENVELOPE_SIGNED"}})",
          R"({"hook":{"event":"envelope_sent"},"data":{"envelope_id":"e"}})",
      }) {
    const Repeats repeats = RepeatsOf(body);
    EXPECT_TRUE(repeats.within) << body;
    EXPECT_FALSE(repeats.after) << body;
  }
}

TEST(WebhookTest, TheWindowIsThatOfTheTimeWhenItCameFirst) {
  const std::string body =
      R"({"hook":{"event":"new"},"data":{"envelope_id":"e1"}})";
  const absl::Time first = At("2026-01-02T03:04:05Z");
  const absl::Time later = first + absl::Hours(1);
  const auto parse = [&body](absl::Time receive_time,
                             std::optional<absl::Time> first_receive_time) {
    return ParseWebhook({.body = body,
                         .receive_time = receive_time,
                         .dedup_window = absl::Minutes(10),
                         .first_receive_time = first_receive_time})
        .value();
  };
  EXPECT_EQ(parse(later, first).event_id(), parse(first, {}).event_id());
  EXPECT_NE(parse(later, first).event_id(), parse(later, {}).event_id());
  EXPECT_EQ(parse(later, first).receive_time().seconds(),
            absl::ToUnixSeconds(later));
}

// What ParseWebhook tells of names, as "kind name".
std::vector<std::string> NamesSeen(
    std::string_view body, const std::vector<std::string>& secrets = {}) {
  std::vector<std::string> names;
  const std::string traceparent = "00-1";
  FirstSeen first_seen(
      [&](NameKind kind, const std::string& name, std::string_view of) {
        EXPECT_EQ(of, traceparent);
        names.push_back(std::string(ToString(kind)) + " " + name);
      });
  ParseWebhook({.body = body,
                .receive_time = absl::UnixEpoch(),
                .dedup_window = absl::Minutes(10),
                .secrets = secrets,
                .traceparent = traceparent,
                .first_seen = &first_seen})
      .IgnoreError();
  return names;
}

TEST(WebhookTest, TellsNoNameThatIsDocumented) {
  for (const testing::Fixture& fixture : testing::LoadFixtures()) {
    const bool has_unknown = fixture.file.starts_with("p15") ||
                             fixture.file.starts_with("p19") ||
                             fixture.file.starts_with("p20");
    EXPECT_EQ(NamesSeen(fixture.body).empty(), !has_unknown) << fixture.file;
  }
}

TEST(WebhookTest, TellsUnknownEventsActionsAndFields) {
  EXPECT_THAT(
      NamesSeen(R"({"version":2,"hook":{"event":"Envelope_Archived","by":1},)"
                R"("data":{"envelope_id":"e1","action":"SMILED",)"
                R"("pages":[{"deep":1}],"more":{"deep":2}}})"),
      UnorderedElementsAre("event envelope_archived", "action smiled",
                           "field version", "field hook.by", "field data.pages",
                           "field data.more"));
}

TEST(WebhookTest, TellsNamesOfWhatIsRefusedForItsFields) {
  EXPECT_THAT(
      NamesSeen(R"({"hook":{"event":"template_used"},)"
                R"("data":{"template_id":"t1"}})"),
      UnorderedElementsAre("event template_used", "field data.template_id"));
}

TEST(WebhookTest, TellsNoSecretInAName) {
  const std::string token = kToken;
  for (const std::string& name :
       {token, "x" + token, std::string(60, 'y') + token,
        "\\u0077" + token.substr(1), "%77" + token.substr(1)}) {
    const std::vector<std::string> names = NamesSeen(
        R"({"hook":{"event":")" + name + R"("},"data":{"envelope_id":"e1",)" +
            R"("action":")" + name + R"("},")" + name + R"(":1})",
        {token});
    EXPECT_THAT(names, SizeIs(3));
    for (const std::string& told : names) {
      EXPECT_THAT(told, Not(HasSubstr(token.substr(1, 4)))) << name;
    }
  }
}

TEST(WebhookTest, KeepsAnActionOfAnUnknownEventInThePayloadOnly) {
  EXPECT_FALSE(
      MustParse(
          R"({"hook":{"event":"x"},"data":{"envelope_id":"e","action":"a"}})")
          .has_audit_trail());
}

TEST(WebhookTest, NamesTheByteAtWhichABodyIsNoJson) {
  struct Case {
    std::string body;
    int offset;
  };
  for (const Case& c : std::vector<Case>{
           {"", 0},
           {"x", 0},
           {"\xEF\xBB\xBF{}", 0},
           {R"({"hook":)", 8},
           {R"({"hook":})", 8},
           {R"({"hook":{}}x)", 11},
           {R"({"hook":{}} {})", 12},
           {R"({"a":1,})", 7},
           {R"({"a":01})", 6},
           {R"({"a":NaN})", 5},
           {std::string("{\"a\":1}\0", 8), 7},
           {"{\"a\":\"\xFF\"}", 6},
           {R"({"a":"\ud800"})", 12},
           {"{/**/}", 1},
       }) {
    const absl::Status status = Parse(c.body).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.body;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("at byte " + std::to_string(c.offset) + ":"))
        << c.body;
  }
}

TEST(WebhookTest, RefusesBytesThatAreNotUtf8AndLoneSurrogates) {
  for (const std::string text : {
           "\x80",          // continuation without a start
           "\xC0\xAF",      // overlong
           "\xC3",          // cut off
           "\xED\xA0\x80",  // surrogate
           "\xF4\x90\x80\x80",
           "\xFF",
           "\\ud800",
           "\\udc00",
           "\\ud800x",
           "\\ud800\\u0041",
           "\n",
       }) {
    EXPECT_EQ(Parse(BodyWith("data", "file_name", "\"" + text + "\""))
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(WebhookTest, DecodesEscapesInKeysAndValues) {
  const v1::EnvelopeEvent event =
      MustParse(R"({"h\u006fok":{"\u0065vent":"envelope\u005fvoided"},)"
                R"("data":{"envelope_id":"a\/b\ud83d\udcdd\"\\\u0000"}})");
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_ENVELOPE_VOIDED);
  EXPECT_EQ(event.envelope_id(), std::string("a/b📝\"\\\0", 10));
}

TEST(WebhookTest, NamesTheRequiredFieldThatIsNotThere) {
  struct Case {
    std::string body;
    std::string message;
  };
  for (const Case& c : std::vector<Case>{
           {R"({"data":{"envelope_id":"e"}})", "hook.event is missing"},
           {R"({"hook":null,"data":{"envelope_id":"e"}})",
            "hook.event is missing"},
           {R"({"hook":{"event":null},"data":{"envelope_id":"e"}})",
            "hook.event is missing"},
           {R"({"hook":{"event":""},"data":{"envelope_id":"e"}})",
            "hook.event must not be empty"},
           {R"({"hook":{"event":["e"]},"data":{"envelope_id":"e"}})",
            "hook.event must be a string"},
           {R"({"hook":{"event":"e"}})", "data.envelope_id is missing"},
           {R"({"hook":{"event":"e"},"data":{"envelope_id":6697}})",
            "data.envelope_id must be a string"},
           {R"({"hook":{"event":"e"},"data":{"envelope_id":true}})",
            "data.envelope_id must be a string"},
           {R"({"hook":[],"data":{"envelope_id":"e"}})",
            "hook must be an object; hook.event is missing"},
           {R"({"hook":{"event":"e"},"data":"x"})",
            "data must be an object; data.envelope_id is missing"},
           {R"({})", "hook.event is missing; data.envelope_id is missing"},
           {R"({"a":{"hook":{"event":"e"}},"data":{"envelope_id":"e"}})",
            "hook.event is missing"},
           {R"({"hook":{"a":{"event":"e"}},"data":{"envelope_id":"e"}})",
            "hook.event is missing"},
           {R"({"hook":[{"event":"e"}],"data":{"envelope_id":"e"}})",
            "hook must be an object; hook.event is missing"},
           {R"([])", "the body must be a JSON object"},
           {R"([{"hook":{"event":"e"}}])", "the body must be a JSON object"},
           {R"("x")", "the body must be a JSON object"},
           {R"(null)", "the body must be a JSON object"},
       }) {
    const absl::Status status = Parse(c.body).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << c.body;
    EXPECT_EQ(std::string(status.message()), c.message) << c.body;
  }
}

TEST(WebhookTest, NamesAnOtherKnownFieldThatIsNeitherStringNorNull) {
  for (const auto& [section, key] :
       std::vector<std::pair<std::string, std::string>>{
           {"hook", "id"},
           {"hook", "target"},
           {"data", "id"},
           {"data", "uid"},
           {"data", "file_name"},
           {"data", "recipient_id"},
           {"data", "action"}}) {
    for (const char* const value :
         {"1", "-1", "1.5", "true", "{}", "[\"x\"]"}) {
      const absl::Status status = Parse(BodyWith(section, key, value)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(std::string(status.message()),
                absl::StrFormat("%s.%s must be a string, null or absent",
                                section, key));
    }
    EXPECT_TRUE(Parse(BodyWith(section, key, "null")).ok());
    EXPECT_TRUE(Parse(BodyWith(section, key, "\"\"")).ok());
  }
}

TEST(WebhookTest, OfDuplicateKeysTheLastWins) {
  EXPECT_EQ(MustParse(BodyWith("data", "envelope_id", "\"e2\"")).envelope_id(),
            "e2");
  EXPECT_EQ(
      MustParse(R"({"hook":{"event":1},"data":{"envelope_id":"e1","uid":"u"},)"
                R"("data":{"envelope_id":"e2"},"hook":{"event":"x"}})")
          .uid(),
      "");
  EXPECT_EQ(Parse(BodyWith("data", "envelope_id", "null")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MustParse(R"({"hook":{"event":"x"},)"
                      R"("data":{"envelope_id":1,"envelope_id":"e"}})")
                .envelope_id(),
            "e");
}

TEST(WebhookTest, BearsNestingUpToTheLimit) {
  EXPECT_TRUE(Parse(Nested(32)).ok());
  const absl::Status status = Parse(Nested(33)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("deeper than 32"));
}

TEST(WebhookTest, BlanksTheTokenInPayloadAndFields) {
  const std::string body =
      BodyWith("hook", "target",
               R"("https:\/\/relay.example\/webhooks\/signplus\/)" +
                   std::string(kToken) + R"(","id":")" + kToken + R"(-x")");
  const v1::EnvelopeEvent event = MustParse(body, {kToken});
  EXPECT_THAT(event.SerializeAsString(), Not(HasSubstr(kToken)));
  EXPECT_EQ(event.hook_id(), "**********************-x");
  EXPECT_EQ(event.payload().size(), body.size());
  EXPECT_TRUE(Parse(event.payload()).ok());
}

TEST(WebhookTest, BlanksATokenThatEscapesHide) {
  const std::string body =
      BodyWith("hook", "target", R"("x/\u0077htok_012345678\u0039abcdef/y")");
  const v1::EnvelopeEvent event = MustParse(body, {kToken});
  EXPECT_THAT(event.payload(),
              AllOf(HasSubstr("x/" + std::string(32, '*') + "/y"),
                    Not(HasSubstr("\\u"))));
}

TEST(WebhookTest, BlankingATokenMakesNoJsonOfWhatIsNone) {
  std::string utf16;
  for (const char c : std::string_view(kToken)) utf16.append({c, '\0'});
  const std::string body = BodyWith("data", "action", "\"" + utf16 + "\"");
  const absl::Status status = Parse(body, {kToken}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("at byte " + std::to_string(body.find('\0')) + ":"));
}

TEST(WebhookTest, ATokenDoesNotMakeAnotherEvent) {
  const auto id = [](const std::string& secret) {
    return MustParse(BodyWith("data", "file_name", "\"" + secret + "\""),
                     {"token-number-one", "token-number-two"})
        .event_id();
  };
  EXPECT_EQ(id("token-number-one"), id("token-number-two"));
}

TEST(WebhookTest, RepeatsNothingOfTheBodyInAnError) {
  for (const std::string& body :
       {std::string(kToken), "{\"" + std::string(kToken) + "\":}",
        BodyWith("hook", kToken, "x")}) {
    const absl::Status status = Parse(body, {kToken}).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("whtok")));
  }
}

}  // namespace
}  // namespace enveloperelay
