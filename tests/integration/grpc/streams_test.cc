// What plain streams and unary calls do, against the relay's program.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "tests/integration/grpc/grpc_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::MatchesRegex;

class GrpcStreamsTest : public GrpcRelayTest {
 protected:
  // Reads a bounded stream to its end; returns the last response.
  static v1::SubscribeResponse ReadToEnd(
      EventStream& stream, std::vector<v1::EnvelopeEvent>& events) {
    v1::SubscribeResponse last;
    while (auto response = stream.Next()) {
      for (v1::EnvelopeEvent& event : *response->mutable_events()) {
        events.push_back(event);
      }
      last = *std::move(response);
    }
    EXPECT_TRUE(stream.Finish().ok());
    return last;
  }
};

TEST_F(GrpcStreamsTest, TheFirstResponseComesAtOnceWhateverThereIsToRead) {
  Start();
  v1::SubscribeRequest filtered = FromEarliest();
  filtered.mutable_filter()->add_uids("nobody");
  for (const bool empty : {true, false}) {
    if (!empty) Post({.count = 10});
    for (const v1::SubscribeRequest& request :
         {v1::SubscribeRequest(), FromEarliest(), filtered}) {
      const absl::Time start = absl::Now();
      EventStream stream(channel_, request);
      const auto first = stream.Next();
      // Long before the first heartbeat.
      EXPECT_LT(absl::Now() - start, absl::Seconds(10));
      ASSERT_TRUE(first.has_value());
      EXPECT_EQ(first->events_size(), 0);
      EXPECT_THAT(first->cursor(), MatchesRegex("[A-Za-z0-9_-]+"));
      EXPECT_EQ(first->info().log_id(), GetLog().log_id());
      EXPECT_FALSE(first->info().server_id().empty());
      EXPECT_EQ(first->info().heartbeat_interval().seconds(), 20);
      EXPECT_EQ(first->info().max_stream_age().seconds(), 1800);
      EXPECT_EQ(first->info().max_batch_events(), 256);
      EXPECT_EQ(first->info().max_batch_bytes(), 1 << 20);
    }
  }
}

TEST_F(GrpcStreamsTest, HeartbeatsCarryTheCursorPastWhatTheFilterLeavesOut) {
  Start();
  v1::SubscribeRequest request;
  request.mutable_filter()->add_uids("nobody");
  request.mutable_heartbeat_interval()->set_seconds(1);
  EventStream stream(channel_, request);
  std::string cursor = stream.Next()->cursor();
  Post({.count = 100});
  const std::string latest = GetLog().latest_cursor();
  while (cursor != latest) {
    const auto heartbeat = stream.Next();
    ASSERT_TRUE(heartbeat.has_value());
    EXPECT_EQ(heartbeat->events_size(), 0);
    cursor = heartbeat->cursor();
  }
}

TEST_F(GrpcStreamsTest, UntilCaughtUpEndsWithAll) {
  Start();
  Post({.count = 1000});
  v1::SubscribeRequest request = FromEarliest();
  request.set_until_caught_up(true);
  EventStream stream(channel_, request);
  std::vector<v1::EnvelopeEvent> events;
  const v1::SubscribeResponse last = ReadToEnd(stream, events);
  EXPECT_EQ(last.end().reason(), v1::END_REASON_CAUGHT_UP);
  EXPECT_EQ(last.cursor(), GetLog().latest_cursor());
  EXPECT_EQ(last.backlog(), 0);
  ASSERT_EQ(events.size(), 1000);
  for (size_t i = 0; i < events.size(); ++i) {
    ASSERT_EQ(events[i].sequence(), i + 1);
  }
}

TEST_F(GrpcStreamsTest, ABatchKeepsToItsBounds) {
  Start();
  Post({.count = 40, .padding_bytes = 15'000});
  Post({.count = 2, .padding_bytes = 150'000});
  v1::SubscribeRequest request = FromEarliest();
  request.set_until_caught_up(true);
  request.set_max_batch_bytes(64 << 10);
  request.set_max_batch_events(3);
  EventStream stream(channel_, request);
  int events = 0;
  while (const auto response = stream.Next()) {
    events += response->events_size();
    EXPECT_LE(response->events_size(), 3);
    EXPECT_TRUE(response->ByteSizeLong() <= 64 << 10 ||
                response->events_size() == 1);
  }
  EXPECT_EQ(events, 42);
}

TEST_F(GrpcStreamsTest, TheBasicViewIsTheEventWithoutItsPayload) {
  Start();
  Post({.count = 20});
  v1::SubscribeRequest request = FromEarliest();
  request.set_until_caught_up(true);
  EventStream full(channel_, request);
  std::vector<v1::EnvelopeEvent> full_events;
  ReadToEnd(full, full_events);
  request.set_view(v1::EVENT_VIEW_BASIC);
  EventStream basic(channel_, request);
  std::vector<v1::EnvelopeEvent> basic_events;
  ReadToEnd(basic, basic_events);
  ASSERT_EQ(full_events.size(), 20);
  ASSERT_EQ(basic_events.size(), 20);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_FALSE(full_events[i].payload().empty());
    full_events[i].clear_payload();
    EXPECT_TRUE(MessageDifferencer::Equals(full_events[i], basic_events[i]));
  }
}

TEST_F(GrpcStreamsTest, AStartTimeBeginsAtTheFirstEventReceivedFromThenOn) {
  Start();
  Post({.count = 10, .connections = 1});
  v1::GetEventRequest request;
  request.set_sequence(6);
  v1::GetEventResponse sixth;
  ASSERT_TRUE(Get(request, sixth).ok());
  v1::SubscribeRequest subscribe;
  *subscribe.mutable_start_time() = sixth.event().receive_time();
  EventStream stream(channel_, subscribe);
  // Events may have been received in the same microsecond.
  const auto batch = stream.NextBatch();
  ASSERT_TRUE(batch.has_value());
  EXPECT_LE(batch->events(0).sequence(), 6);
  EXPECT_EQ(batch->events(0).receive_time().nanos(),
            sixth.event().receive_time().nanos());

  subscribe.mutable_start_time()->set_seconds(253'402'300'799);
  EventStream future(channel_, subscribe);
  EXPECT_EQ(future.Next()->cursor(), GetLog().latest_cursor());
}

TEST_F(GrpcStreamsTest, GetEventFindsByIdAndBySequence) {
  Start();
  Post({.count = 3, .connections = 1});
  v1::GetEventRequest by_sequence;
  by_sequence.set_sequence(2);
  v1::GetEventResponse first;
  ASSERT_TRUE(Get(by_sequence, first).ok());
  EXPECT_EQ(first.event().envelope_id(), "env-1");
  v1::GetEventRequest by_id;
  by_id.set_event_id(first.event().event_id());
  v1::GetEventResponse second;
  ASSERT_TRUE(Get(by_id, second).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(first, second));
}

TEST_F(GrpcStreamsTest, GetLogSaysWhatIsThere) {
  Start();
  const v1::GetLogResponse empty = GetLog();
  EXPECT_THAT(empty.log_id(), MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(empty.earliest_sequence(), 0);
  EXPECT_EQ(empty.latest_sequence(), 0);
  EXPECT_FALSE(empty.has_latest_time());
  Post({.count = 3});
  const v1::GetLogResponse log = GetLog();
  EXPECT_EQ(log.log_id(), empty.log_id());
  EXPECT_EQ(log.earliest_cursor(), empty.latest_cursor());
  EXPECT_EQ(log.earliest_sequence(), 1);
  EXPECT_EQ(log.latest_sequence(), 3);
  EXPECT_LE(log.earliest_time().seconds(), log.latest_time().seconds());
  EXPECT_NEAR(static_cast<double>(log.latest_time().seconds()),
              absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), 60);
}

TEST_F(GrpcStreamsTest, ListEventsWaitsForAFirstEvent) {
  Start();
  v1::ListEventsRequest request;
  request.mutable_wait()->set_seconds(60);
  v1::ListEventsResponse page;
  grpc::Status status;
  std::thread client([&] { status = List(request, page); });
  Post({.count = 1});
  client.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(page.events_size(), 1);

  request.set_cursor(page.cursor());
  request.mutable_wait()->set_seconds(0);
  request.mutable_wait()->set_nanos(100'000'000);
  const absl::Time start = absl::Now();
  ASSERT_TRUE(List(request, page).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(100));
  EXPECT_EQ(page.events_size(), 0);
  EXPECT_EQ(page.cursor(), request.cursor());
}

TEST_F(GrpcStreamsTest, PagesOfListEventsLeadThroughTheLog) {
  Start();
  Post({.count = 600});
  v1::ListEventsRequest request;
  v1::ListEventsResponse page;
  uint64_t next = 1;
  for (const int size : {256, 256, 88, 0}) {
    ASSERT_TRUE(List(request, page).ok());
    ASSERT_EQ(page.events_size(), size);
    for (const v1::EnvelopeEvent& event : page.events()) {
      ASSERT_EQ(event.sequence(), next++);
    }
    EXPECT_EQ(page.backlog(), 600 - (next - 1));
    request.set_cursor(page.cursor());
  }
}

TEST_F(GrpcStreamsTest, ListEventsOfAnEnvelopeIsItsHistory) {
  Start();
  Post({.count = 2000});
  v1::ListEventsRequest request;
  request.mutable_filter()->add_envelope_ids("env-1234");
  v1::ListEventsResponse page;
  ASSERT_TRUE(List(request, page).ok());
  ASSERT_EQ(page.events_size(), 1);
  EXPECT_EQ(page.events(0).envelope_id(), "env-1234");
  EXPECT_EQ(page.cursor(), GetLog().latest_cursor());
}

}  // namespace
}  // namespace enveloperelay::testing
