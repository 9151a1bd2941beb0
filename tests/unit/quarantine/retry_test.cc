#include "server/quarantine/retry.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "enveloperelay/v1/quarantine.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/memory_event_log.h"
#include "tests/unit/quarantine/quarantine_fixture.h"

namespace enveloperelay::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kVoided[] =
    R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";
constexpr char kUnknown[] =
    R"({"hook":{"event":"envelope_new"},"data":{"envelope_id":"e1"}})";
constexpr char kMissing[] = R"({"hook":{"event":"envelope_new"},"data":{}})";

class RetryTest : public QuarantineTest {
 protected:
  using Results = std::vector<v1::RetryResult>;

  RetryEnvironment Environment() {
    return {.quarantine = *quarantine_,
            .log = log_,
            .clock = clock_,
            .dedup_window = absl::Minutes(10),
            .run = [](const std::function<void()>& step) { step(); }};
  }
  absl::StatusOr<Results> Retry(std::vector<std::string> ids,
                                bool dry_run = false) {
    absl::StatusOr<Results> results = absl::UnknownError("not answered");
    RetryQuarantined(Environment(), std::move(ids), dry_run,
                     [&results](absl::StatusOr<Results> answer) {
                       results = std::move(answer);
                     });
    return results;
  }
  v1::RetryResult RetryOne(const std::string& id, bool dry_run = false) {
    const auto results = Retry({id}, dry_run);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() && results->size() == 1 ? results->front()
                                                : v1::RetryResult();
  }
  v1::EnvelopeEvent Stored(uint64_t sequence) {
    const absl::StatusOr<ChunkSpan> span = log_.Get(Sequence{sequence});
    EXPECT_TRUE(span.ok()) << span.status();
    v1::EnvelopeEvent event;
    if (span.ok()) {
      const RecordRef& ref = span->chunk->records[span->first];
      event.ParseFromString(
          span->chunk->bytes.substr(ref.event, ref.end - ref.event));
    }
    return event;
  }

  MemoryEventLog log_;
};

TEST_F(RetryTest, WhatIsAnEventNowIsStoredAndLeaves) {
  RefusedWebhook webhook = Make(kVoided, kNoEvent);
  webhook.traceparent =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  ASSERT_TRUE(Keep(webhook).ok());
  clock_.Advance(absl::Hours(1));
  const std::string id = Ids()[0];
  const v1::RetryResult result = RetryOne(id);
  EXPECT_EQ(result.id(), id);
  EXPECT_EQ(result.outcome(), v1::RETRY_OUTCOME_STORED);
  EXPECT_EQ(result.sequence(), 1);
  EXPECT_THAT(Bodies(), IsEmpty());
  EXPECT_EQ(entries(), 0);
  EXPECT_EQ(Metric("removed_total", "stored"), 1);
  const v1::EnvelopeEvent event = Stored(1);
  EXPECT_EQ(event.event_id(), result.event_id());
  EXPECT_EQ(event.payload(), kVoided);
  EXPECT_EQ(event.traceparent(), webhook.traceparent);
  // Times never fall along the log.
  EXPECT_EQ(event.receive_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
}

TEST_F(RetryTest, WhatIsStillNoEventStaysAndSaysWhy) {
  MustKeep(kMissing, kNoEvent);
  MustKeep("{", kMalformed);
  const auto results = Retry(Ids());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_THAT(*results, SizeIs(2));
  EXPECT_EQ((*results)[0].outcome(), v1::RETRY_OUTCOME_REFUSED);
  EXPECT_EQ((*results)[0].reason(), kNoEvent);
  EXPECT_EQ((*results)[0].detail(), "data.envelope_id is missing");
  EXPECT_EQ((*results)[1].outcome(), v1::RETRY_OUTCOME_REFUSED);
  EXPECT_EQ((*results)[1].reason(), kMalformed);
  EXPECT_THAT((*results)[1].detail(), HasSubstr("at byte 1"));
  EXPECT_THAT(Bodies(), ElementsAre(kMissing, "{"));
  EXPECT_EQ(log_.Bounds().latest, Sequence{0});
}

TEST_F(RetryTest, OneBadEntryDoesNotFailTheOthers) {
  MustKeep("{", kMalformed);
  MustKeep(kVoided, kNoEvent);
  std::vector<std::string> ids = Ids();
  ids.insert(ids.begin(), "unknown");
  const auto results = Retry(ids);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_THAT(*results, SizeIs(3));
  EXPECT_EQ((*results)[0].outcome(), v1::RETRY_OUTCOME_NOT_FOUND);
  EXPECT_EQ((*results)[1].outcome(), v1::RETRY_OUTCOME_REFUSED);
  EXPECT_EQ((*results)[2].outcome(), v1::RETRY_OUTCOME_STORED);
}

TEST_F(RetryTest, WhatTheLogHasLeavesAsADuplicate) {
  MustKeep(kVoided, kNoEvent);
  MustKeep(kVoided, v1::QUARANTINE_REASON_UNSUPPORTED_MEDIA_TYPE);
  const auto results = Retry(Ids());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_THAT(*results, SizeIs(2));
  EXPECT_EQ((*results)[0].outcome(), v1::RETRY_OUTCOME_STORED);
  EXPECT_EQ((*results)[1].outcome(), v1::RETRY_OUTCOME_DUPLICATE);
  EXPECT_EQ((*results)[1].sequence(), 1);
  EXPECT_THAT(Bodies(), IsEmpty());
}

TEST_F(RetryTest, TheWindowIsThatOfTheTimeWhenItCameFirst) {
  MustKeep(kUnknown, kNoEvent);
  const std::string id = Ids()[0];
  clock_.Advance(absl::Hours(5));
  const std::string event_id = RetryOne(id).event_id();
  MustKeep(kUnknown, kNoEvent);
  EXPECT_NE(RetryOne(id).event_id(), event_id);
  EXPECT_EQ(log_.Bounds().latest, Sequence{2});
}

TEST_F(RetryTest, ADryRunOnlySaysWhatWouldBe) {
  MustKeep(kVoided, kNoEvent);
  const std::string id = Ids()[0];
  EXPECT_EQ(RetryOne(id, /*dry_run=*/true).outcome(), v1::RETRY_OUTCOME_STORED);
  EXPECT_EQ(log_.Bounds().latest, Sequence{0});
  ASSERT_EQ(RetryOne(id).outcome(), v1::RETRY_OUTCOME_STORED);
  MustKeep(kVoided, kNoEvent);
  const v1::RetryResult again = RetryOne(id, /*dry_run=*/true);
  EXPECT_EQ(again.outcome(), v1::RETRY_OUTCOME_DUPLICATE);
  EXPECT_EQ(again.sequence(), 1);
  EXPECT_THAT(Bodies(), SizeIs(1));
}

TEST_F(RetryTest, StaysUntilTheEventIsDurable) {
  MustKeep(kVoided, kNoEvent);
  log_.HoldAppends();
  std::optional<absl::StatusOr<Results>> results;
  RetryQuarantined(Environment(), Ids(), /*dry_run=*/false,
                   [&results](absl::StatusOr<Results> answer) {
                     results = std::move(answer);
                   });
  EXPECT_THAT(Bodies(), SizeIs(1));
  EXPECT_FALSE(results.has_value());
  store_.HoldWrites();
  log_.ReleaseAppends();
  EXPECT_FALSE(results.has_value());
  store_.ReleaseWrites();
  ASSERT_TRUE(results.has_value());
  EXPECT_TRUE(results->ok());
  EXPECT_EQ(entries(), 0);
}

TEST_F(RetryTest, FailsAsAWholeWhenTheLogTakesNoEvents) {
  MustKeep(kVoided, kNoEvent);
  log_.SetHealth(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(Retry(Ids()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Bodies(), SizeIs(1));
  log_.SetHealth(absl::OkStatus());
  store_.SetReadError(absl::DataLossError("broken"));
  EXPECT_EQ(Retry({quarantine_->List({}, 1)[0].id}).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(RetryTest, GoesThroughManyInSteps) {
  // More than one step of 4 MiB has room for.
  for (int i = 0; i < 12; ++i) {
    MustKeep(R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")" +
                 std::to_string(i) + R"(","padding":")" +
                 std::string(1'000'000, 'x') + "\"}}",
             kNoEvent);
  }
  const auto results = Retry(Ids());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_THAT(*results, SizeIs(12));
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ((*results)[i].outcome(), v1::RETRY_OUTCOME_STORED);
    EXPECT_EQ((*results)[i].sequence(), i + 1);
  }
  EXPECT_THAT(Bodies(), IsEmpty());
}

}  // namespace
}  // namespace enveloperelay::testing
