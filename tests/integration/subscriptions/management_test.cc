// SubscriptionService, and each row of the contract's table of errors that it
// can answer, against the relay's program.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/subscriptions.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/subscriptions/subscriptions_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/relay_process.h"
#include "tests/support/status_details.h"

namespace enveloperelay::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class SubscriptionManagementTest : public SubscriptionsRelayTest {
 protected:
  grpc::Status TryCreate(const v1::Subscription& subscription) {
    v1::CreateSubscriptionRequest request;
    *request.mutable_subscription() = subscription;
    v1::CreateSubscriptionResponse response;
    return Call(&Subscriptions::CreateSubscription, request, response);
  }
  grpc::Status TryUpdate(const v1::UpdateSubscriptionRequest& request) {
    v1::UpdateSubscriptionResponse response;
    return Call(&Subscriptions::UpdateSubscription, request, response);
  }
  grpc::Status Get(const std::string& name) {
    v1::GetSubscriptionRequest request;
    request.set_name(name);
    v1::GetSubscriptionResponse response;
    return Call(&Subscriptions::GetSubscription, request, response);
  }
  grpc::Status Delete(const std::string& name, const std::string& etag = "") {
    v1::DeleteSubscriptionRequest request;
    request.set_name(name);
    request.set_etag(etag);
    v1::DeleteSubscriptionResponse response;
    return Call(&Subscriptions::DeleteSubscription, request, response);
  }
  static v1::SeekSubscriptionRequest SeekBilling() {
    v1::SeekSubscriptionRequest request;
    request.set_name("billing");
    return request;
  }
  grpc::Status Seek(const v1::SeekSubscriptionRequest& request) {
    v1::SeekSubscriptionResponse response;
    return Call(&Subscriptions::SeekSubscription, request, response);
  }
  // How many were replayed.
  uint32_t Replay(const v1::ReplayDeadLettersRequest& request) {
    v1::ReplayDeadLettersResponse response;
    ExpectOk(Call(&Subscriptions::ReplayDeadLetters, request, response));
    return response.replayed();
  }
  uint32_t DeleteLetters(const v1::DeleteDeadLettersRequest& request) {
    v1::DeleteDeadLettersResponse response;
    ExpectOk(Call(&Subscriptions::DeleteDeadLetters, request, response));
    return response.deleted();
  }
  // All of "billing"; `Request` replays or deletes.
  template <typename Request>
  static Request Letters(const Sequences& sequences) {
    Request request;
    request.set_subscription("billing");
    request.mutable_sequences()->Add(sequences.begin(), sequences.end());
    request.set_all(sequences.empty());
    return request;
  }
  Sequences DeadSequences() const {
    Sequences sequences;
    for (const v1::DeadLetter& letter : DeadLetters()) {
      sequences.push_back(letter.event().sequence());
    }
    return sequences;
  }
  // Dead-letters that many events, the first ones.
  void MakeDeadLetters(int count) {
    ASSERT_NO_FATAL_FAILURE(Post({.count = static_cast<size_t>(count)}));
    EventStream stream(channel_, As("w"));
    const auto batch = stream.NextBatch();
    ASSERT_TRUE(batch.has_value());
    ASSERT_EQ(batch->events_size(), count);
    ASSERT_EQ(Settle(*batch, v1::ACK_ACTION_DEAD_LETTER),
              v1::SETTLEMENT_STATUS_OK);
  }
  // What "billing" delivers next, to a worker of its own.
  Sequences NextSequences() {
    EventStream stream(channel_, As("reader"));
    const auto batch = stream.NextBatch();
    return batch.has_value() ? SequencesOf(*batch) : Sequences{};
  }
};

TEST_F(SubscriptionManagementTest, CreatesWithDefaults) {
  StartRelay();
  v1::Subscription subscription;
  subscription.set_name("billing");
  const v1::Subscription created = Create(subscription);
  EXPECT_EQ(created.name(), "billing");
  EXPECT_EQ(created.ack_deadline().seconds(), 30);
  EXPECT_EQ(created.max_attempts(), 10);
  EXPECT_EQ(created.min_backoff().seconds(), 1);
  EXPECT_EQ(created.max_backoff().seconds(), 300);
  EXPECT_EQ(created.order(), v1::DELIVERY_ORDER_BY_ENVELOPE);
  EXPECT_FALSE(created.paused());
  EXPECT_FALSE(created.has_expire_after());
  EXPECT_FALSE(created.etag().empty());
  EXPECT_EQ(GetBilling().SerializeAsString(), created.SerializeAsString());
}

TEST_F(SubscriptionManagementTest, KeepsWhatItIsGivenThroughAKill) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  subscription.mutable_ack_deadline()->set_seconds(60);
  subscription.set_max_attempts(-1);
  subscription.mutable_min_backoff()->set_seconds(2);
  subscription.mutable_max_backoff()->set_seconds(20);
  subscription.set_order(v1::DELIVERY_ORDER_NONE);
  subscription.set_paused(true);
  subscription.mutable_expire_after()->set_seconds(3600);
  (*subscription.mutable_labels())["owner"] = "billing-team";
  const v1::Subscription created = Create(subscription);
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  const v1::Subscription kept = GetBilling();
  EXPECT_EQ(kept.ShortDebugString(), created.ShortDebugString());
  EXPECT_EQ(kept.filter().types(0), v1::EVENT_TYPE_ENVELOPE_VOIDED);
  EXPECT_EQ(kept.ack_deadline().seconds(), 60);
  EXPECT_EQ(kept.max_attempts(), -1);
  EXPECT_EQ(kept.order(), v1::DELIVERY_ORDER_NONE);
  EXPECT_TRUE(kept.paused());
  EXPECT_EQ(kept.expire_after().seconds(), 3600);
  EXPECT_THAT(kept.labels(), ElementsAre(Pair("owner", "billing-team")));
}

TEST_F(SubscriptionManagementTest, BeginsWhereItIsTold) {
  StartRelay();
  PostOf({"e1"});
  ASSERT_TRUE(Eventually([this] {
    return absl::Now() > ToTime(GetLog().latest_time()) + absl::Milliseconds(1);
  }));
  PostOf({"e2"});
  v1::Subscription subscription;
  subscription.set_name("from-latest");
  EXPECT_EQ(Create(subscription).backlog(), 0);
  subscription.set_name("from-earliest");
  subscription.set_start(v1::START_POSITION_EARLIEST);
  EXPECT_EQ(Create(subscription).backlog(), 2);
  subscription.set_name("from-time");
  *subscription.mutable_start_time() = GetLog().latest_time();
  EXPECT_EQ(Create(subscription).backlog(), 1);
}

TEST_F(SubscriptionManagementTest, ANameIsTakenOnce) {
  StartRelay();
  Create();
  const StatusDetails details =
      ExpectError(TryCreate(Billing()), grpc::StatusCode::ALREADY_EXISTS,
                  "SUBSCRIPTION_EXISTS");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("subscription", "billing")));
}

TEST_F(SubscriptionManagementTest, FieldsOutOfRangeAreInvalid) {
  StartRelay();
  using S = v1::Subscription;
  const std::map<std::string, std::function<void(S&)>> fields = {
      {"name", [](S& s) { s.set_name("Billing"); }},
      {"ack_deadline",
       [](S& s) { s.mutable_ack_deadline()->set_seconds(601); }},
      {"max_attempts", [](S& s) { s.set_max_attempts(-2); }},
      {"max_backoff",
       [](S& s) {
         s.mutable_min_backoff()->set_seconds(10);
         s.mutable_max_backoff()->set_seconds(5);
       }},
      {"expire_after", [](S& s) { s.mutable_expire_after(); }},
      {"order", [](S& s) { s.set_order(static_cast<v1::DeliveryOrder>(77)); }},
      {"start", [](S& s) { s.set_start(static_cast<v1::StartPosition>(77)); }},
      {"labels", [](S& s) { (*s.mutable_labels())[""] = "x"; }},
  };
  for (const auto& [field, set] : fields) {
    v1::Subscription subscription = Billing();
    set(subscription);
    const StatusDetails details =
        ExpectError(TryCreate(subscription), grpc::StatusCode::INVALID_ARGUMENT,
                    "FIELD_INVALID");
    EXPECT_THAT(details.fields,
                ElementsAre(absl::StrCat("subscription.", field)));
  }
}

TEST_F(SubscriptionManagementTest, NamesAreOfLettersDigitsAndHyphens) {
  StartRelay();
  for (const std::string& name :
       {std::string("abc"), std::string("a-9"), std::string(63, 'a')}) {
    v1::Subscription subscription;
    subscription.set_name(name);
    ExpectOk(TryCreate(subscription));
  }
  for (const std::string& name :
       {std::string(), std::string("ab"), std::string(64, 'a'),
        std::string("1ab"), std::string("-ab"), std::string("a_b"),
        std::string("a/b")}) {
    v1::Subscription subscription;
    subscription.set_name(name);
    ExpectError(TryCreate(subscription), grpc::StatusCode::INVALID_ARGUMENT,
                "FIELD_INVALID");
  }
}

TEST_F(SubscriptionManagementTest, ThereAreAtMostSoMany) {
  StartRelay({"--subscriptions-max=1"});
  Create();
  v1::Subscription second;
  second.set_name("second");
  ExpectError(TryCreate(second), grpc::StatusCode::RESOURCE_EXHAUSTED,
              "SUBSCRIPTION_LIMIT");
  ExpectOk(Delete("billing"));
  ExpectOk(TryCreate(second));
}

TEST_F(SubscriptionManagementTest, TheirFiltersHaveSoMuchMemoryTogether) {
  const std::vector<std::string> limit = {"--filter-bytes-max=1MiB"};
  StartRelay(limit);
  v1::Subscription first;
  first.set_name("first");
  for (int i = 0; i < 400; ++i) {
    first.mutable_filter()->add_envelope_ids(
        absl::StrCat(i, std::string(1000, 'x')));
  }
  ExpectOk(TryCreate(first));
  v1::Subscription second = first;
  second.set_name("second");
  const auto expect_refused = [&](const grpc::Status& status) {
    ExpectError(status, grpc::StatusCode::RESOURCE_EXHAUSTED,
                "SUBSCRIPTION_LIMIT");
  };
  expect_refused(TryCreate(second));
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay(limit));
  expect_refused(TryCreate(second));
  v1::Subscription short_one;
  short_one.set_name("second");
  ExpectOk(TryCreate(short_one));
  v1::UpdateSubscriptionRequest longer;
  *longer.mutable_subscription() = second;
  expect_refused(TryUpdate(longer));
  ExpectOk(Delete("first"));
  ExpectOk(TryUpdate(longer));
}

TEST_F(SubscriptionManagementTest, AnUnknownNameIsNotFoundByAnyMethod) {
  StartRelay();
  const auto expect = [](const grpc::Status& status) {
    const StatusDetails details = ExpectError(
        status, grpc::StatusCode::NOT_FOUND, "SUBSCRIPTION_NOT_FOUND");
    EXPECT_THAT(details.metadata, ElementsAre(Pair("subscription", "billing")));
  };
  expect(Get("billing"));
  expect(Delete("billing"));
  v1::UpdateSubscriptionRequest update;
  *update.mutable_subscription() = Billing();
  expect(TryUpdate(update));
  v1::SeekSubscriptionRequest seek = SeekBilling();
  seek.set_start(v1::START_POSITION_EARLIEST);
  expect(Seek(seek));
  v1::ListDeadLettersRequest list;
  list.set_subscription("billing");
  v1::ListDeadLettersResponse letters;
  expect(Call(&Subscriptions::ListDeadLetters, list, letters));
  v1::ReplayDeadLettersResponse replayed;
  expect(Call(&Subscriptions::ReplayDeadLetters,
              Letters<v1::ReplayDeadLettersRequest>({}), replayed));
  v1::DeleteDeadLettersResponse deleted;
  expect(Call(&Subscriptions::DeleteDeadLetters,
              Letters<v1::DeleteDeadLettersRequest>({}), deleted));
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_subscription("billing");
  acknowledge.add_settlements()->set_action(v1::ACK_ACTION_DONE);
  v1::AcknowledgeResponse statuses;
  expect(Acknowledge(acknowledge, statuses));
}

TEST_F(SubscriptionManagementTest, AnUpdateChangesWhatItsMaskNames) {
  StartRelay();
  v1::Subscription subscription = Billing();
  (*subscription.mutable_labels())["owner"] = "a";
  const v1::Subscription created = Create(subscription);
  v1::Subscription changes = Billing();
  changes.set_max_attempts(3);
  changes.mutable_ack_deadline()->set_seconds(99);
  const v1::Subscription updated = Update(changes, {"max_attempts", "labels"});
  EXPECT_EQ(updated.max_attempts(), 3);
  EXPECT_EQ(updated.ack_deadline().seconds(), 30);
  // Named and not set: cleared.
  EXPECT_TRUE(updated.labels().empty());
  EXPECT_NE(updated.etag(), created.etag());
  EXPECT_EQ(GetBilling().SerializeAsString(), updated.SerializeAsString());
}

TEST_F(SubscriptionManagementTest, AnUpdateWithoutAMaskChangesWhatIsSet) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.set_max_attempts(3);
  Create(subscription);
  v1::Subscription changes;
  changes.set_name("billing");
  changes.mutable_ack_deadline()->set_seconds(99);
  const v1::Subscription updated = Update(changes);
  EXPECT_EQ(updated.max_attempts(), 3);
  EXPECT_EQ(updated.ack_deadline().seconds(), 99);
}

TEST_F(SubscriptionManagementTest, AMaskOfUnknownFieldsIsInvalid) {
  StartRelay();
  Create();
  v1::UpdateSubscriptionRequest request;
  *request.mutable_subscription() = Billing();
  request.mutable_update_mask()->add_paths("colour");
  const StatusDetails details = ExpectError(
      TryUpdate(request), grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("update_mask"));
}

TEST_F(SubscriptionManagementTest, AllowMissingDeclaresASubscription) {
  StartRelay();
  v1::UpdateSubscriptionRequest request;
  *request.mutable_subscription() = Billing();
  request.mutable_subscription()->set_max_attempts(3);
  request.set_allow_missing(true);
  ExpectOk(TryUpdate(request));
  const v1::Subscription created = GetBilling();
  EXPECT_EQ(created.max_attempts(), 3);
  PostOf({"e1"});
  // Again, at the next start of its service: its position stays.
  ExpectOk(TryUpdate(request));
  EXPECT_EQ(GetBilling().backlog(), 1);
}

TEST_F(SubscriptionManagementTest, AnEtagThatIsNotTheNewestChangesNothing) {
  StartRelay();
  v1::Subscription changes = Create();
  changes.set_max_attempts(3);
  const std::string newest = Update(changes, {"max_attempts"}).etag();
  changes.set_max_attempts(4);
  v1::UpdateSubscriptionRequest request;
  *request.mutable_subscription() = changes;
  request.mutable_update_mask()->add_paths("max_attempts");
  ExpectError(TryUpdate(request), grpc::StatusCode::ABORTED, "ETAG_MISMATCH");
  EXPECT_EQ(GetBilling().max_attempts(), 3);
  ExpectError(Delete("billing", changes.etag()), grpc::StatusCode::ABORTED,
              "ETAG_MISMATCH");
  EXPECT_EQ(GetBilling().etag(), newest);
  ExpectOk(Delete("billing", newest));
  ExpectError(Get("billing"), grpc::StatusCode::NOT_FOUND,
              "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(SubscriptionManagementTest, ADeletedOneLeavesNothingToItsNamesake) {
  StartRelay();
  const v1::Subscription first = Create();
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(3));
  ExpectOk(Delete("billing"));
  const v1::Subscription second = Create();
  EXPECT_NE(second.etag(), first.etag());
  EXPECT_EQ(second.backlog(), 3);
  EXPECT_EQ(second.dead_letters(), 0);
  EXPECT_THAT(DeadLetters(), IsEmpty());
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EXPECT_EQ(GetBilling().backlog(), 3);
  EXPECT_THAT(DeadLetters(), IsEmpty());
}

TEST_F(SubscriptionManagementTest, ListsPageByPageByName) {
  StartRelay();
  for (const char* const name : {"ccc", "aaa", "eee", "bbb", "ddd"}) {
    v1::Subscription subscription;
    subscription.set_name(name);
    Create(subscription);
  }
  v1::ListSubscriptionsRequest request;
  request.set_page_size(2);
  std::vector<std::vector<std::string>> pages;
  do {
    v1::ListSubscriptionsResponse response;
    ExpectOk(Call(&Subscriptions::ListSubscriptions, request, response));
    std::vector<std::string>& page = pages.emplace_back();
    for (const v1::Subscription& subscription : response.subscriptions()) {
      page.push_back(subscription.name());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && pages.size() < 10);
  EXPECT_THAT(pages,
              ElementsAre(ElementsAre("aaa", "bbb"), ElementsAre("ccc", "ddd"),
                          ElementsAre("eee")));
  request.set_page_size(-1);
  v1::ListSubscriptionsResponse response;
  const StatusDetails details =
      ExpectError(Call(&Subscriptions::ListSubscriptions, request, response),
                  grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("page_size"));
}

TEST_F(SubscriptionManagementTest, SeeksToACursorAndRevokesLeases) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3", "e4"});
  EventStream stream(channel_, As("w"));
  const auto before = stream.NextBatch();
  ASSERT_TRUE(before.has_value());
  ASSERT_EQ(before->events_size(), 4);
  v1::SeekSubscriptionRequest request = SeekBilling();
  request.set_cursor(before->events(1).cursor());
  ExpectOk(Seek(request));
  const auto after = stream.NextBatch();
  ASSERT_TRUE(after.has_value());
  EXPECT_THAT(SequencesOf(*after), ElementsAre(3, 4));
  EXPECT_THAT(AttemptsOf(*after), Each(Eq(1)));
  EXPECT_EQ(Settle(*before, v1::ACK_ACTION_DONE),
            v1::SETTLEMENT_STATUS_LEASE_LOST);
  EXPECT_EQ(Settle(*after, v1::ACK_ACTION_DONE), v1::SETTLEMENT_STATUS_OK);
}

TEST_F(SubscriptionManagementTest, SeeksToEitherEndAndToATime) {
  StartRelay();
  Create();
  PostOf({"e1"});
  ASSERT_TRUE(Eventually([this] {
    return absl::Now() > ToTime(GetLog().latest_time()) + absl::Milliseconds(1);
  }));
  PostOf({"e2"});
  v1::SeekSubscriptionRequest request = SeekBilling();
  request.set_start(v1::START_POSITION_LATEST);
  ExpectOk(Seek(request));
  EXPECT_EQ(GetBilling().backlog(), 0);
  request.set_start(v1::START_POSITION_EARLIEST);
  ExpectOk(Seek(request));
  EXPECT_EQ(GetBilling().backlog(), 2);
  *request.mutable_time() = GetLog().latest_time();
  ExpectOk(Seek(request));
  EXPECT_THAT(NextSequences(), ElementsAre(2));
}

TEST_F(SubscriptionManagementTest, RefusesToSeekWhereNothingIs) {
  StartRelay();
  Create();
  const std::string other = GetLog().latest_cursor();
  StartRelay({"--retention-age=1s"});
  Create();
  v1::SeekSubscriptionRequest request = SeekBilling();
  StatusDetails details = ExpectError(
      Seek(request), grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("target"));
  request.set_cursor("x");
  ExpectError(Seek(request), grpc::StatusCode::INVALID_ARGUMENT,
              "CURSOR_INVALID");
  request.set_cursor(other);
  details = ExpectError(Seek(request), grpc::StatusCode::OUT_OF_RANGE,
                        "CURSOR_UNKNOWN_LOG");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("logId", GetLog().log_id())));
  request.set_cursor(GetLog().latest_cursor());
  PostOf({"e1", "e2"});
  ASSERT_TRUE(Eventually([this] { return GetLog().earliest_sequence() == 0; }));
  details = ExpectError(Seek(request), grpc::StatusCode::OUT_OF_RANGE,
                        "CURSOR_EXPIRED");
  EXPECT_THAT(details.metadata,
              UnorderedElementsAre(
                  Pair("earliestCursor", GetLog().earliest_cursor()),
                  Pair("earliestSequence", "3"), Pair("lostEvents", "2")));
}

TEST_F(SubscriptionManagementTest, CountsWhatBecameOfTheEvents) {
  StartRelay();
  Create();
  PostOf({"e1", "e2", "e3", "e4"});
  const absl::Time posted = ToTime(GetLog().earliest_time());
  EventStream stream(channel_, As("w"));
  const auto batch = stream.NextBatch();
  ASSERT_TRUE(batch.has_value());
  ASSERT_EQ(batch->events_size(), 4);
  v1::Settlement retry = Make(*batch, v1::ACK_ACTION_RETRY, {3});
  retry.mutable_delay()->set_seconds(600);
  Acknowledge({Make(*batch, v1::ACK_ACTION_DONE, {2}), retry,
               Make(*batch, v1::ACK_ACTION_DEAD_LETTER, {4})});
  PostOf({"e5"});
  ASSERT_TRUE(stream.NextBatch().has_value());
  const v1::Subscription subscription = GetBilling();
  EXPECT_EQ(subscription.backlog(), 5);
  EXPECT_EQ(subscription.outstanding(), 2);
  EXPECT_EQ(subscription.retrying(), 1);
  EXPECT_EQ(subscription.dead_letters(), 1);
  EXPECT_EQ(subscription.lost_events(), 0);
  EXPECT_EQ(ToTime(subscription.oldest_unsettled_time()), posted);
  ASSERT_EQ(subscription.workers_size(), 1);
  const v1::Worker& worker = subscription.workers(0);
  EXPECT_EQ(worker.worker_id(), "w");
  EXPECT_EQ(worker.outstanding(), 2);
  EXPECT_FALSE(worker.peer().empty());
  EXPECT_GE(ToTime(worker.connect_time()), posted);
  stream.Cancel();
  EXPECT_TRUE(Eventually([this] { return GetBilling().workers().empty(); }));
}

TEST_F(SubscriptionManagementTest, ExpiresWithoutAWorker) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.mutable_expire_after()->set_seconds(1);
  const absl::Time created = absl::Now();
  Create(subscription);
  {
    EventStream stream(channel_, As("w"));
    // Longer than that, by its heartbeats.
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(stream.Next().has_value());
    EXPECT_GT(absl::Now() - created, absl::Seconds(2));
    GetBilling();
  }
  EXPECT_TRUE(Eventually([this] { return !Get("billing").ok(); }));
  ExpectError(Get("billing"), grpc::StatusCode::NOT_FOUND,
              "SUBSCRIPTION_NOT_FOUND");
}

TEST_F(SubscriptionManagementTest, ListsDeadLettersPageByPage) {
  StartRelay();
  Create();
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(5));
  v1::ListDeadLettersRequest request;
  request.set_subscription("billing");
  request.set_page_size(2);
  request.set_view(v1::EVENT_VIEW_BASIC);
  std::vector<Sequences> pages;
  do {
    v1::ListDeadLettersResponse response;
    ExpectOk(Call(&Subscriptions::ListDeadLetters, request, response));
    Sequences& page = pages.emplace_back();
    for (const v1::DeadLetter& letter : response.dead_letters()) {
      page.push_back(letter.event().sequence());
      EXPECT_TRUE(letter.event().payload().empty());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && pages.size() < 10);
  EXPECT_THAT(
      pages, ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4), ElementsAre(5)));
  request.set_page_token("x");
  v1::ListDeadLettersResponse response;
  const StatusDetails details =
      ExpectError(Call(&Subscriptions::ListDeadLetters, request, response),
                  grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("page_token"));
}

TEST_F(SubscriptionManagementTest, ReplaysTheDeadLettersThatAreNamed) {
  StartRelay();
  v1::Subscription subscription = Billing();
  subscription.set_max_attempts(1);
  Create(subscription);
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(5));
  auto request = Letters<v1::ReplayDeadLettersRequest>({2, 4, 99});
  request.set_dry_run(true);
  EXPECT_EQ(Replay(request), 2);
  EXPECT_EQ(GetBilling().dead_letters(), 5);
  request.set_dry_run(false);
  EXPECT_EQ(Replay(request), 2);
  EXPECT_THAT(DeadSequences(), ElementsAre(1, 3, 5));
  EXPECT_EQ(GetBilling().dead_letters(), 3);
  EventStream stream(channel_, As("w"));
  const auto batch = stream.NextBatch();
  ASSERT_TRUE(batch.has_value());
  EXPECT_THAT(SequencesOf(*batch), ElementsAre(2, 4));
  EXPECT_THAT(AttemptsOf(*batch), ElementsAre(1, 1));
  EXPECT_EQ(Settle(*batch, v1::ACK_ACTION_DONE), v1::SETTLEMENT_STATUS_OK);
  EXPECT_EQ(GetBilling().outstanding(), 0);
  EXPECT_EQ(Replay(request), 0);
}

TEST_F(SubscriptionManagementTest, ReplaysAllOldestFirst) {
  StartRelay();
  Create();
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(5));
  auto request = Letters<v1::ReplayDeadLettersRequest>({});
  request.set_max_count(2);
  EXPECT_EQ(Replay(request), 2);
  EXPECT_THAT(DeadSequences(), ElementsAre(3, 4, 5));
  EXPECT_THAT(NextSequences(), ElementsAre(1, 2));
  request.set_max_count(0);
  EXPECT_EQ(Replay(request), 3);
  EXPECT_THAT(DeadSequences(), IsEmpty());
}

TEST_F(SubscriptionManagementTest, ADeadLetterOutlivesRetention) {
  StartRelay();
  Create();
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(1));
  const std::string payload = DeadLetters().at(0).event().payload();
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay({"--retention-age=1s"}));
  ASSERT_TRUE(Eventually([this] { return GetLog().earliest_sequence() == 0; }));
  EXPECT_EQ(Replay(Letters<v1::ReplayDeadLettersRequest>({1})), 1);
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EventStream stream(channel_, As("w"));
  const auto batch = stream.NextBatch();
  ASSERT_TRUE(batch.has_value());
  ASSERT_THAT(SequencesOf(*batch), ElementsAre(1));
  EXPECT_EQ(batch->events(0).payload(), payload);
  EXPECT_FALSE(batch->has_gap());
}

TEST_F(SubscriptionManagementTest, DeletesDeadLetters) {
  StartRelay();
  Create();
  ASSERT_NO_FATAL_FAILURE(MakeDeadLetters(4));
  auto request = Letters<v1::DeleteDeadLettersRequest>({1, 3, 99});
  request.set_dry_run(true);
  EXPECT_EQ(DeleteLetters(request), 2);
  EXPECT_EQ(GetBilling().dead_letters(), 4);
  request.set_dry_run(false);
  EXPECT_EQ(DeleteLetters(request), 2);
  EXPECT_THAT(DeadSequences(), ElementsAre(2, 4));
  EXPECT_EQ(DeleteLetters(Letters<v1::DeleteDeadLettersRequest>({})), 2);
  EXPECT_EQ(GetBilling().dead_letters(), 0);
  relay_->Kill();
  ASSERT_NO_FATAL_FAILURE(RestartRelay());
  EXPECT_THAT(DeadLetters(), IsEmpty());
  EXPECT_EQ(GetBilling().backlog(), 0);
}

TEST_F(SubscriptionManagementTest, DeadLettersAreNamedOneWay) {
  StartRelay();
  Create();
  auto replay = Letters<v1::ReplayDeadLettersRequest>({1});
  replay.set_all(true);
  v1::ReplayDeadLettersResponse replayed;
  StatusDetails details =
      ExpectError(Call(&Subscriptions::ReplayDeadLetters, replay, replayed),
                  grpc::StatusCode::INVALID_ARGUMENT, "FIELDS_CONFLICT");
  EXPECT_THAT(details.fields, ElementsAre("all"));
  auto remove = Letters<v1::DeleteDeadLettersRequest>({});
  remove.set_all(false);
  v1::DeleteDeadLettersResponse deleted;
  details =
      ExpectError(Call(&Subscriptions::DeleteDeadLetters, remove, deleted),
                  grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("sequences"));
}

TEST_F(SubscriptionManagementTest, SettlementsOutOfBoundsAreInvalid) {
  StartRelay();
  Create();
  v1::AcknowledgeResponse response;
  v1::AcknowledgeRequest none;
  none.set_subscription("billing");
  StatusDetails details =
      ExpectError(Acknowledge(none, response),
                  grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("settlements"));

  v1::Settlement valid;
  valid.set_delivery_id("unknown");
  valid.set_action(v1::ACK_ACTION_DONE);
  v1::AcknowledgeRequest many = none;
  for (int i = 0; i < 1000; ++i) *many.add_settlements() = valid;
  ExpectOk(Acknowledge(many, response));
  EXPECT_EQ(response.statuses_size(), 1000);
  *many.add_settlements() = valid;
  details = ExpectError(Acknowledge(many, response),
                        grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
  EXPECT_THAT(details.fields, ElementsAre("settlements"));

  using S = v1::Settlement;
  const std::map<std::string, std::function<void(S&)>> fields = {
      {"delivery_id", [](S& s) { s.clear_delivery_id(); }},
      {"action", [](S& s) { s.clear_action(); }},
      {"reason", [](S& s) { s.set_reason(std::string(1025, 'r')); }},
      {"delay", [](S& s) { s.mutable_delay()->set_seconds(-1); }},
  };
  for (const auto& [field, set] : fields) {
    v1::AcknowledgeRequest request = none;
    *request.add_settlements() = valid;
    v1::Settlement& bad = *request.add_settlements();
    bad = valid;
    set(bad);
    details = ExpectError(Acknowledge(request, response),
                          grpc::StatusCode::INVALID_ARGUMENT, "FIELD_INVALID");
    EXPECT_THAT(details.fields,
                ElementsAre(absl::StrCat("settlements[1].", field)));
  }
}

TEST_F(SubscriptionManagementTest, TheChangeOfAFilterAppliesToWhatIsNew) {
  StartRelay();
  Create();
  v1::Subscription changes;
  changes.set_name("billing");
  changes.mutable_filter()->add_envelope_ids("wanted");
  Update(changes, {"filter"});
  PostOf({"other", "wanted"});
  EXPECT_THAT(NextSequences(), ElementsAre(2));
}

}  // namespace
}  // namespace enveloperelay::testing
