#include "server/quarantine/quarantine.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/state_store.h"
#include "server/quarantine/state.h"
#include "tests/support/write_state.h"
#include "tests/unit/quarantine/quarantine_fixture.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

TEST_F(QuarantineTest, KeepsABodyWithWhatIsKnownOfIt) {
  RefusedWebhook webhook = Make(std::string("{\xff\0", 3), kNoEvent);
  webhook.traceparent =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  ASSERT_TRUE(Keep(webhook).ok());
  const auto all = All();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_THAT(all[0].id(), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(all[0].reason(), kNoEvent);
  EXPECT_EQ(all[0].detail(), "what is wrong");
  EXPECT_EQ(all[0].content_type(), "application/json");
  EXPECT_EQ(all[0].traceparent(), webhook.traceparent);
  EXPECT_EQ(all[0].count(), 1);
  EXPECT_EQ(all[0].first_receive_time().seconds(), 1'700'000'000);
  EXPECT_EQ(all[0].last_receive_time().seconds(), 1'700'000'000);
  EXPECT_EQ(all[0].body(), std::string("{\xff\0", 3));
  EXPECT_EQ(all[0].body_bytes(), 3);
  EXPECT_EQ(quarantine_->Get(all[0].id(), false)->body(), "");
}

TEST_F(QuarantineTest, AnswersOnceTheBodyIsDurable) {
  store_.HoldWrites();
  const auto first = StartKeep(Make("a"));
  const auto repeat = StartKeep(Make("a"));
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(repeat->has_value());
  EXPECT_EQ(
      quarantine_->Get(quarantine_->List({}, 1)[0].id, true).status().code(),
      absl::StatusCode::kNotFound);
  store_.ReleaseWrites();
  EXPECT_EQ(*first, absl::OkStatus());
  EXPECT_EQ(*repeat, absl::OkStatus());
  EXPECT_THAT(Bodies(), ElementsAre("a"));
}

TEST_F(QuarantineTest, CountsWhatComesAgain) {
  MustKeep("a");
  clock_.Advance(absl::Seconds(5));
  MustKeep("a");
  clock_.Advance(absl::Seconds(5));
  MustKeep("a");
  const auto all = All();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].count(), 3);
  EXPECT_EQ(all[0].first_receive_time().seconds(), 1'700'000'000);
  EXPECT_EQ(all[0].last_receive_time().seconds(), 1'700'000'010);
  EXPECT_EQ(Metric("kept_total", "MALFORMED_JSON"), 1);
  EXPECT_EQ(Metric("repeated_total", "MALFORMED_JSON"), 2);
}

TEST_F(QuarantineTest, TellsReasonsApart) {
  MustKeep("a", kMalformed);
  MustKeep("a", kNoEvent);
  EXPECT_THAT(All(), SizeIs(2));
  EXPECT_THAT(All({.reason = kNoEvent}), SizeIs(1));
}

TEST_F(QuarantineTest, IsTheSameAfterARestart) {
  MustKeep("a");
  MustKeep("b", kNoEvent);
  MustKeep("c");
  clock_.Advance(absl::Seconds(1));
  MustKeep("b", kNoEvent);
  ASSERT_EQ(Remove({QuarantineId(kMalformed, "a")}).value(), 1);
  std::vector<std::string> before;
  for (const auto& webhook : All()) before.push_back(webhook.DebugString());
  Start();
  std::vector<std::string> after;
  for (const auto& webhook : All()) after.push_back(webhook.DebugString());
  EXPECT_EQ(before, after);
  EXPECT_EQ(Metric("bodies"), 2);
  EXPECT_EQ(Metric("bytes"), 2);
  MustKeep("d");
  MustKeep("b", kNoEvent);
  EXPECT_THAT(Bodies(), ElementsAre("b", "c", "d"));
  EXPECT_EQ(All()[0].count(), 3);
}

TEST_F(QuarantineTest, HoldsWhatWasAnsweredAfterACrash) {
  store_.HoldWrites();
  const auto durable = StartKeep(Make("a"));
  const auto lost = StartKeep(Make("b"));
  store_.Crash(/*written=*/1);
  Start();
  EXPECT_THAT(Bodies(), ElementsAre("a"));
  MustKeep("b");
  EXPECT_THAT(Bodies(), ElementsAre("a", "b"));
}

TEST_F(QuarantineTest, TheOldestGoesForANewOneWhenThereAreTooMany) {
  Start({.bodies_max = 2});
  for (const char* const body : {"a", "b", "a", "c", "d"}) MustKeep(body);
  EXPECT_THAT(Bodies(), ElementsAre("c", "d"));
  EXPECT_EQ(entries(), 4);
  EXPECT_EQ(Metric("bodies"), 2);
  EXPECT_EQ(Metric("removed_total", "count"), 2);
}

TEST_F(QuarantineTest, TheOldestGoForANewOneWhenTheyAreTooLarge) {
  Start({.bytes_max = 10});
  for (const char* const body : {"aaaa", "bbbb", "cccccccc", "dd"}) {
    MustKeep(body);
  }
  EXPECT_THAT(Bodies(), ElementsAre("cccccccc", "dd"));
  EXPECT_EQ(Metric("bytes"), 10);
  EXPECT_EQ(Metric("removed_total", "bytes"), 2);
  MustKeep("0123456789");
  EXPECT_THAT(Bodies(), ElementsAre("0123456789"));
}

TEST_F(QuarantineTest, OldBodiesGo) {
  Start({.age = absl::Hours(1)});
  MustKeep("a");
  clock_.Advance(absl::Minutes(40));
  MustKeep("b");
  MustKeep("a");  // Does not make it younger.
  clock_.Advance(absl::Minutes(40));
  quarantine_->Prune();
  EXPECT_THAT(Bodies(), ElementsAre("b"));
  clock_.Advance(absl::Minutes(40));
  MustKeep("a");
  EXPECT_THAT(Bodies(), ElementsAre("a"));
  EXPECT_EQ(All()[0].count(), 1);
  EXPECT_EQ(Metric("removed_total", "age"), 2);
  EXPECT_EQ(entries(), 2);
}

TEST_F(QuarantineTest, SmallerLimitsHoldAfterARestart) {
  for (const char* const body : {"a", "bb", "ccc", "dddd"}) MustKeep(body);
  clock_.Advance(absl::Hours(1));
  MustKeep("e");
  Start({.bodies_max = 4, .bytes_max = 8});
  EXPECT_THAT(Bodies(), ElementsAre("ccc", "dddd", "e"));
  EXPECT_EQ(entries(), 6);
  Start({.age = absl::Minutes(30)});
  EXPECT_THAT(Bodies(), ElementsAre("e"));
}

TEST_F(QuarantineTest, KeepsNothingWhenItIsToKeepNone) {
  MustKeep("a");
  Start({.bodies_max = 0});
  MustKeep("b");
  EXPECT_THAT(Bodies(), IsEmpty());
  EXPECT_EQ(entries(), 0);
}

TEST_F(QuarantineTest, RefusesWhatFindsNoRoomOnItsWay) {
  Start({.pending_bytes_max = 3000});
  store_.HoldWrites();
  const auto first = StartKeep(Make(std::string(1500, 'a')));
  EXPECT_EQ(Keep(Make(std::string(1500, 'b'))).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Metric("failed_total"), 1);
  store_.ReleaseWrites();
  EXPECT_EQ(*first, absl::OkStatus());
  MustKeep(std::string(1500, 'b'));
}

TEST_F(QuarantineTest, HasNothingOfWhatCouldNotBeWritten) {
  store_.FailWrites(absl::UnavailableError("broken"));
  EXPECT_EQ(Keep(Make("a")).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(quarantine_->List({}, 9), IsEmpty());
  EXPECT_EQ(Metric("failed_total"), 1);
  EXPECT_EQ(Metric("bodies"), 0);
  store_.FailWrites(absl::OkStatus());
  MustKeep("a");
  EXPECT_THAT(Bodies(), ElementsAre("a"));
}

TEST_F(QuarantineTest, ListsFromEitherEndInPages) {
  for (const char* const body : {"a", "b", "c"}) MustKeep(body);
  EXPECT_THAT(Bodies({.oldest_first = false}), ElementsAre("c", "b", "a"));
  const auto page = quarantine_->List({}, 2);
  ASSERT_THAT(page, SizeIs(2));
  EXPECT_THAT(Bodies({.after = page[1].number}), ElementsAre("c"));
  EXPECT_THAT(Bodies({.after = page[1].number, .oldest_first = false}),
              ElementsAre("a"));
}

TEST_F(QuarantineTest, RemovesThoseThatAreThere) {
  MustKeep("a");
  MustKeep("b");
  const std::string id = QuarantineId(kMalformed, "a");
  EXPECT_EQ(Remove({id, "unknown"}).value(), 1);
  EXPECT_EQ(Remove({id}).value(), 0);
  EXPECT_EQ(quarantine_->Get(id, true).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Bodies(), ElementsAre("b"));
  EXPECT_EQ(entries(), 2);
  EXPECT_EQ(Metric("removed_total", "deleted"), 1);
}

TEST_F(QuarantineTest, KeepsOfAContentTypeWhatIsPrintable) {
  RefusedWebhook webhook = Make("a");
  webhook.content_type = "text/\xe9\x01 x" + std::string(1000, 'y');
  ASSERT_TRUE(Keep(webhook).ok());
  EXPECT_EQ(All()[0].content_type(), "text/?? x" + std::string(247, 'y'));
}

TEST_F(QuarantineTest, SaysWhenWhatIsStoredIsDamaged) {
  MustKeep("a");
  const std::string id = QuarantineId(kMalformed, "a");
  ASSERT_TRUE(
      WriteAndWait(store_, {PutQuarantine(QuarantineKey::kEntry, id, "\xff")})
          .ok());
  EXPECT_EQ(quarantine_->Get(id, false).status().code(),
            absl::StatusCode::kDataLoss);
  Quarantine other({}, store_, clock_, *registry_);
  EXPECT_EQ(other.Load().code(), absl::StatusCode::kDataLoss);
}

TEST(QuarantineIdTest, IsTheSameForTheSameReasonAndBody) {
  // The first half of SHA-256 of "1", a zero byte and "abc".
  EXPECT_EQ(QuarantineId(v1::QUARANTINE_REASON_MALFORMED_JSON, "abc"),
            "3485633ece6fb583d5a639c41553cd08");
  EXPECT_NE(QuarantineId(v1::QUARANTINE_REASON_MALFORMED_JSON, "abc"),
            QuarantineId(v1::QUARANTINE_REASON_NOT_AN_ENVELOPE_EVENT, "abc"));
  EXPECT_NE(QuarantineId(v1::QUARANTINE_REASON_MALFORMED_JSON, "abc"),
            QuarantineId(v1::QUARANTINE_REASON_MALFORMED_JSON, "abd"));
}

}  // namespace
}  // namespace enveloperelay::testing
