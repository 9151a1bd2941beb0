#include "client/envelopectl/quarantine_format.h"

#include <optional>

#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::HasSubstr;

v1::QuarantinedWebhook Webhook() {
  v1::QuarantinedWebhook webhook;
  webhook.set_id("3485633ece6fb583d5a639c41553cd08");
  webhook.set_reason(v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
  webhook.set_detail("data.envelope_id is missing");
  webhook.set_content_type("application/json");
  webhook.set_count(12);
  webhook.mutable_first_receive_time()->set_seconds(1'767'323'045);
  webhook.mutable_last_receive_time()->set_seconds(1'767'323'105);
  webhook.set_body_bytes(45);
  return webhook;
}

TEST(QuarantineFormatTest, HasARowForEachWebhook) {
  EXPECT_EQ(QuarantinedHeader(false) + QuarantinedRow(Webhook()),
            "ID                                LAST RECEIVED               "
            "COUNT    BYTES  REASON                  DETAIL\n"
            "3485633ece6fb583d5a639c41553cd08  2026-01-02T03:05:05.000Z       "
            "12       45  not_an_envelope_event   data.envelope_id is "
            "missing\n");
}

TEST(QuarantineFormatTest, SaysAllOfOne) {
  EXPECT_EQ(QuarantinedDetails(Webhook()),
            "id:                3485633ece6fb583d5a639c41553cd08\n"
            "reason:            not_an_envelope_event\n"
            "detail:            data.envelope_id is missing\n"
            "content type:      application/json\n"
            "count:             12\n"
            "first received:    2026-01-02T03:04:05.000Z\n"
            "last received:     2026-01-02T03:05:05.000Z\n"
            "bytes:             45\n");
}

TEST(QuarantineFormatTest, SaysWhatBecameOfARetry) {
  v1::RetryResult stored;
  stored.set_id("a");
  stored.set_outcome(v1::RETRY_OUTCOME_STORED);
  stored.set_event_id("130dc28e-fb35-854c-97d7-80573c41c764");
  stored.set_sequence(42);
  v1::RetryResult refused;
  refused.set_id("b");
  refused.set_outcome(v1::RETRY_OUTCOME_REFUSED);
  refused.set_detail("what is\x1b wrong");

  EXPECT_THAT(RetryRow(stored, false),
              HasSubstr("  stored            42  "
                        "130dc28e-fb35-854c-97d7-80573c41c764\n"));
  EXPECT_THAT(RetryRow(refused, false),
              HasSubstr("  refused            -  what is\\u001b wrong\n"));
  EXPECT_THAT(RetryRow(refused, true), HasSubstr("\x1b[31mrefused"));
}

TEST(QuarantineFormatTest, ReadsReasons) {
  EXPECT_EQ(ParseQuarantineReason("malformed_json"),
            v1::QUARANTINE_REASON_MALFORMED_JSON);
  EXPECT_EQ(ParseQuarantineReason("Unsupported-Media-Type"),
            v1::QUARANTINE_REASON_UNSUPPORTED_MEDIA_TYPE);
  EXPECT_EQ(ParseQuarantineReason("QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT"),
            v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT);
  EXPECT_EQ(ParseQuarantineReason("unspecified"), std::nullopt);
  EXPECT_EQ(ParseQuarantineReason(""), std::nullopt);
}

}  // namespace
}  // namespace enveloperelay::client
