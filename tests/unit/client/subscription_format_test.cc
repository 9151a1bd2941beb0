#include "client/envelopectl/subscription_format.h"

#include <string>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace enveloperelay::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// 2026-07-17T08:00:00Z
constexpr int64_t kNowSeconds = 1'784'275'200;
const absl::Time kNow = absl::FromUnixSeconds(kNowSeconds);

v1::Subscription Billing() {
  v1::Subscription billing;
  billing.set_name("billing");
  billing.set_backlog(1200);
  billing.set_outstanding(8);
  billing.set_retrying(2);
  billing.set_dead_letters(1);
  billing.mutable_oldest_unsettled_time()->set_seconds(kNowSeconds - 192);
  v1::Worker& worker = *billing.add_workers();
  worker.set_worker_id("pod-1");
  worker.set_peer("10.0.0.7:41000");
  worker.mutable_connect_time()->set_seconds(kNowSeconds - 60);
  worker.set_outstanding(8);
  return billing;
}

TEST(SubscriptionTableTest, AlignsRowsWithTheHeader) {
  v1::Subscription idle;
  idle.set_name("compliance-archive");
  v1::Subscription paused;
  paused.set_name("crm");
  paused.set_paused(true);
  paused.add_workers();

  EXPECT_EQ(
      SubscriptionTable({Billing(), idle, paused}, kNow, false),
      "NAME                    BACKLOG  OUTSTANDING     RETRYING         DEAD"
      "          LAG  WORKERS  STATE\n"
      "billing                    1200            8            2            1"
      "        3m12s        1  active\n"
      "compliance-archive            0            0            0            0"
      "            -        0  idle\n"
      "crm                           0            0            0            0"
      "            -        1  paused\n");
}

TEST(SubscriptionTableTest, ColorsTheStateAndNothingElse) {
  const std::string table = SubscriptionTable({Billing()}, kNow, true);

  EXPECT_THAT(table, AllOf(HasSubstr("\x1b[1mNAME"),
                           HasSubstr("  \x1b[32mactive\x1b[0m\n")));
}

TEST(SubscriptionDetailsTest, ShowsAllThatIsSet) {
  v1::Subscription billing = Billing();
  billing.set_cursor("c");
  billing.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  billing.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  billing.mutable_filter()->add_audit_actions(v1::AUDIT_ACTION_ENVELOPE_SIGNED);
  billing.mutable_filter()->add_uids("u");
  billing.mutable_ack_deadline()->set_seconds(30);
  billing.set_max_attempts(-1);
  billing.mutable_min_backoff()->set_seconds(1);
  billing.mutable_max_backoff()->set_seconds(300);
  billing.set_order(v1::DELIVERY_ORDER_NONE);
  (*billing.mutable_labels())["team"] = "t";
  (*billing.mutable_labels())["owner"] = "o";
  billing.set_etag("e1");

  EXPECT_EQ(SubscriptionDetails(billing, kNow),
            "name:              billing\n"
            "state:             active\n"
            "backlog:           1200\n"
            "outstanding:       8\n"
            "retrying:          2\n"
            "dead letters:      1\n"
            "lost events:       0\n"
            "lag:               3m12s\n"
            "cursor:            c\n"
            "types:             completed, voided\n"
            "actions:           signed\n"
            "uids:              u\n"
            "order:             none\n"
            "ack deadline:      30s\n"
            "max attempts:      unlimited\n"
            "min backoff:       1s\n"
            "max backoff:       5m\n"
            "label:             owner=o\n"
            "label:             team=t\n"
            "etag:              e1\n"
            "worker:            pod-1, 10.0.0.7:41000, since "
            "2026-07-17T07:59:00.000Z, outstanding 8\n");
}

TEST(SubscriptionDetailsTest, EscapesWhatAStrangerWrote) {
  v1::Subscription billing = Billing();
  (*billing.mutable_labels())["a\x1b[31m"] = "\n";
  billing.mutable_workers(0)->set_worker_id("w\x1b]0;x\a");

  EXPECT_THAT(SubscriptionDetails(billing, kNow),
              AllOf(HasSubstr("a\\u001b[31m=\\n"), HasSubstr("w\\u001b]0;x"),
                    Not(HasSubstr("\x1b"))));
}

TEST(DeadLetterTableTest, AlignsRowsWithTheHeader) {
  v1::DeadLetter dead;
  dead.mutable_event()->set_sequence(42);
  dead.mutable_event()->set_type(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  dead.mutable_event()->set_envelope_id("6697e681c5e364c7c23710d4");
  dead.set_attempts(10);
  dead.set_worker_id("pod-1");
  dead.set_reason("HTTP 422\x1b[31m");
  dead.mutable_dead_letter_time()->set_seconds(kNowSeconds);

  EXPECT_EQ(
      DeadLetterHeader(false) + DeadLetterRow(dead),
      " SEQUENCE  TYPE         ENVELOPE                  ATTEMPTS  "
      "WORKER            TIME                      REASON\n"
      "       42  completed    6697e681c5e364c7c23710d4        10  "
      "pod-1             2026-07-17T08:00:00.000Z  HTTP 422\\u001b[31m\n");
}

}  // namespace
}  // namespace enveloperelay::client
