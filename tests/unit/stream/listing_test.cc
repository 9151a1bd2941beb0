#include "server/stream/listing.h"

#include <gmock/gmock.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/request.h"
#include "tests/support/append.h"
#include "tests/support/memory_event_log.h"
#include "tests/unit/stream/byte_buffer.h"
#include "tests/unit/stream/fake_steps.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MakeEvent;
using testing::ParseBytes;

// A listing and the call that carries it.
class ListingTest : public ::testing::Test, private ListCall {
 protected:
  void Begin(const v1::ListEventsRequest& request) {
    absl::StatusOr<ListSpec> spec = CheckList(request);
    RELAY_CHECK(spec.ok());
    result_.reset();
    listing_.emplace(
        Listing::Environment{.log = log_, .steps = steps_, .call = *this},
        *std::move(spec));
    listing_->Step();
    Run();
  }
  void Run() { steps_.Run(log_, Step()); }
  void Advance(absl::Duration duration) {
    steps_.Advance(duration, log_, Step());
  }
  std::function<void()> Step() {
    return [this] { listing_->Step(); };
  }
  // Begins a listing that answers at once.
  v1::ListEventsResponse List(const v1::ListEventsRequest& request) {
    Begin(request);
    RELAY_CHECK(result_.has_value() && result_->ok());
    return ParseBytes<v1::ListEventsResponse>(**result_);
  }

  void Append(size_t count, const std::string& envelope_id = "envelope-1",
              size_t payload_size = 10) {
    const std::string payload(payload_size, 'p');
    for (size_t i = 0; i < count; ++i) {
      const std::string id = absl::StrCat("e", log_.Bounds().latest.value + 1);
      RELAY_CHECK(
          testing::AppendAndWait(log_, MakeEvent({.event_id = id,
                                                  .envelope_id = envelope_id,
                                                  .payload = payload}))
              .ok());
    }
  }
  std::string CursorAt(uint64_t sequence) const {
    return EncodeCursor({log_.Bounds().log_id, Sequence{sequence}});
  }
  static std::vector<uint64_t> SequencesOf(
      const v1::ListEventsResponse& response) {
    std::vector<uint64_t> sequences;
    for (const v1::EnvelopeEvent& event : response.events()) {
      sequences.push_back(event.sequence());
    }
    return sequences;
  }

  testing::MemoryEventLog log_;
  testing::FakeSteps steps_;
  std::optional<Listing> listing_;
  std::optional<absl::StatusOr<grpc::ByteBuffer>> result_;
  bool finished_cancelled_ = false;

 private:
  void Finish(absl::StatusOr<grpc::ByteBuffer> response) override {
    RELAY_CHECK(!result_.has_value());
    result_ = std::move(response);
  }
  void FinishCancelled() override {
    Finish(absl::CancelledError());
    finished_cancelled_ = true;
  }
};

v1::ListEventsRequest Waiting(int seconds) {
  v1::ListEventsRequest request;
  request.mutable_wait()->set_seconds(seconds);
  return request;
}

TEST_F(ListingTest, AnEmptyLogGivesAnEmptyPageWithACursor) {
  const v1::ListEventsResponse page = List({});
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), CursorAt(0));
  EXPECT_EQ(page.backlog(), 0);
}

TEST_F(ListingTest, PagesLeadThroughTheWholeLog) {
  Append(10);
  for (const bool recent : {true, false}) {
    if (!recent) log_.ForgetRecent();
    v1::ListEventsRequest request;
    request.set_page_size(4);
    v1::ListEventsResponse page = List(request);
    EXPECT_THAT(SequencesOf(page), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(page.backlog(), 6);
    request.set_cursor(page.cursor());
    page = List(request);
    EXPECT_THAT(SequencesOf(page), ElementsAre(5, 6, 7, 8));
    request.set_cursor(page.cursor());
    page = List(request);
    EXPECT_THAT(SequencesOf(page), ElementsAre(9, 10));
    EXPECT_EQ(page.backlog(), 0);
    request.set_cursor(page.cursor());
    page = List(request);
    EXPECT_EQ(page.events_size(), 0);
    EXPECT_EQ(page.cursor(), CursorAt(10));
  }
}

TEST_F(ListingTest, APageStaysBelowWhatAClientAcceptsByDefault) {
  Append(30, "envelope-1", 256 << 10);
  for (const bool recent : {true, false}) {
    if (!recent) log_.ForgetRecent();
    v1::ListEventsRequest request;
    const v1::ListEventsResponse page = List(request);
    EXPECT_EQ(page.events_size(), 11);
    EXPECT_LE((*result_)->Length(), size_t{3} << 20);
  }
}

TEST_F(ListingTest, TheBasicViewFillsThePageWhateverThePayloadsTake) {
  Append(30, "envelope-1", 256 << 10);
  log_.ForgetRecent();
  v1::ListEventsRequest request;
  request.set_view(v1::EVENT_VIEW_BASIC);
  const v1::ListEventsResponse page = List(request);
  ASSERT_EQ(page.events_size(), 30);
  EXPECT_EQ(page.events(29).payload(), "");
}

TEST_F(ListingTest, TheHistoryOfAnEnvelopeComesFromTheIndex) {
  for (int i = 0; i < 3; ++i) {
    Append(1, "a");
    Append(2000, "b");
  }
  log_.ForgetRecent();
  v1::ListEventsRequest request;
  request.mutable_filter()->add_envelope_ids("a");
  const v1::ListEventsResponse page = List(request);
  EXPECT_THAT(SequencesOf(page), ElementsAre(1, 2002, 4003));
  EXPECT_EQ(page.cursor(), CursorAt(6003));
  EXPECT_EQ(log_.reads(), 0);
}

TEST_F(ListingTest, TheRestOfTheFilterHoldsForTheIndexToo) {
  Append(2000, "a");
  log_.ForgetRecent();
  v1::ListEventsRequest request;
  request.mutable_filter()->add_envelope_ids("a");
  request.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  EXPECT_EQ(List(request).events_size(), 0);
}

TEST_F(ListingTest, AFilterThatMatchesNothingGivesAnEmptyPageAtTheEnd) {
  Append(3000);
  v1::ListEventsRequest request;
  request.mutable_filter()->add_uids("none");
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), CursorAt(3000));
}

TEST_F(ListingTest, TheWorkOfOneCallIsBounded) {
  Append(400, "a", 256 << 10);
  log_.ForgetRecent();
  v1::ListEventsRequest request;
  request.mutable_filter()->add_uids("none");
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_GT(page.backlog(), 100);
  EXPECT_LT(page.backlog(), 200);
  request.set_cursor(page.cursor());
  EXPECT_EQ(List(request).cursor(), CursorAt(400));
}

TEST_F(ListingTest, WaitsForAFirstEvent) {
  Append(1);
  v1::ListEventsRequest request = Waiting(10);
  request.set_start(v1::START_POSITION_LATEST);
  Begin(request);
  Advance(absl::Seconds(5));
  ASSERT_FALSE(result_.has_value());
  Append(2);
  Run();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(SequencesOf(ParseBytes<v1::ListEventsResponse>(**result_)),
              ElementsAre(2, 3));
}

TEST_F(ListingTest, WaitsForAFirstEventThatPassesTheFilter) {
  v1::ListEventsRequest request = Waiting(10);
  request.mutable_filter()->add_envelope_ids("a");
  Begin(request);
  Append(1, "b");
  Run();
  ASSERT_FALSE(result_.has_value());
  Append(1, "a");
  Run();
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(SequencesOf(ParseBytes<v1::ListEventsResponse>(**result_)),
              ElementsAre(2));
}

TEST_F(ListingTest, DoesNotWaitWhenThereIsAnEvent) {
  Append(1);
  EXPECT_EQ(List(Waiting(60)).events_size(), 1);
}

TEST_F(ListingTest, AnswersWithAnEmptyPageWhenTheWaitIsOver) {
  v1::ListEventsRequest request = Waiting(10);
  request.mutable_filter()->add_envelope_ids("a");
  Begin(request);
  Append(3, "b");
  Run();
  Advance(absl::Seconds(10) - absl::Milliseconds(1));
  ASSERT_FALSE(result_.has_value());
  Advance(absl::Milliseconds(1));
  ASSERT_TRUE(result_.has_value());
  const auto page = ParseBytes<v1::ListEventsResponse>(**result_);
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), CursorAt(3));
}

TEST_F(ListingTest, DrainingEndsTheWait) {
  Begin(Waiting(10));
  listing_->OnDrain();
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->ok());
}

TEST_F(ListingTest, AWithdrawnRightEndsTheWait) {
  Begin(Waiting(10));
  listing_->OnWithdrawn(AccessDeniedError("withdrawn"));
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(ReasonOf(result_->status()), "ACCESS_DENIED");
  listing_->OnDrain();
}

TEST_F(ListingTest, ACancelledCallEndsAtOnce) {
  Begin(Waiting(10));
  listing_->OnCancelled();
  EXPECT_TRUE(finished_cancelled_);
  Advance(absl::Seconds(20));
  listing_->OnDrain();
}

TEST_F(ListingTest, AnExpiredCursorFailsOrLeavesAGap) {
  Append(9);
  log_.SetEarliest(Sequence{6});
  v1::ListEventsRequest request;
  request.set_cursor(CursorAt(1));
  Begin(request);
  EXPECT_EQ(ReasonOf(result_->status()), "CURSOR_EXPIRED");

  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  const v1::ListEventsResponse page = List(request);
  EXPECT_EQ(page.gap().lost_events(), 4);
  EXPECT_EQ(page.gap().next_sequence(), 6);
  EXPECT_THAT(SequencesOf(page), ElementsAre(6, 7, 8, 9));
}

TEST_F(ListingTest, ADamagedRecordFailsThePageThatBeginsWithIt) {
  Append(5);
  log_.Damage(Sequence{4});
  v1::ListEventsRequest request;
  const v1::ListEventsResponse page = List(request);
  EXPECT_THAT(SequencesOf(page), ElementsAre(1, 2, 3));
  request.set_cursor(page.cursor());
  Begin(request);
  EXPECT_EQ(ReasonOf(result_->status()), "RECORD_CORRUPT");
}

}  // namespace
}  // namespace enveloperelay
