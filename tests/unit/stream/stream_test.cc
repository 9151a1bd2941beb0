#include "server/stream/stream.h"

#include <gmock/gmock.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/base/check.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "server/stream/log_source.h"
#include "server/stream/metrics.h"
#include "server/stream/positions.h"
#include "server/stream/request.h"
#include "server/stream/response.h"
#include "server/stream/source.h"
#include "server/stream/step_scheduler.h"
#include "tests/support/append.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_event_log.h"
#include "tests/support/status_details.h"
#include "tests/unit/stream/byte_buffer.h"
#include "tests/unit/stream/fake_steps.h"

namespace enveloperelay {
namespace {

using ::testing::ElementsAre;
using testing::FakeClock;
using testing::FakeSteps;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeEvent;
using testing::MemoryEventLog;
using testing::ParseBytes;
using testing::ReadDetails;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// A stream, the call that carries it, and a client that the test moves.
class StreamTest : public ::testing::Test, private StreamCall {
 protected:
  void Open(const v1::SubscribeRequest& request, double jitter = 0.5) {
    absl::StatusOr<SubscribeSpec> spec = CheckSubscribe(request);
    RELAY_CHECK(spec.ok());
    auto source = std::make_unique<LogSource>(
        std::move(spec->read),
        BatchLimits{.events_max = spec->batch_events_max,
                    .bytes_max = spec->batch_bytes_max},
        spec->until_caught_up, log_, positions_);
    OpenSource(std::move(source), spec->heartbeat_interval, jitter);
  }
  void OpenSource(std::unique_ptr<StreamSource> source,
                  absl::Duration heartbeat_interval = absl::Seconds(10),
                  double jitter = 0.5) {
    stream_.emplace(Stream::Environment{.clock = clock_,
                                        .options = options_,
                                        .metrics = metrics_,
                                        .steps = steps_,
                                        .call = *this},
                    std::move(source), heartbeat_interval, jitter);
    stream_->Step();
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

  // The client reads what was written: returns the next response, if there is
  // one.
  std::optional<v1::SubscribeResponse> Read() {
    steps_.Run(log_, Step());
    if (in_flight_.empty()) return std::nullopt;
    const grpc::ByteBuffer response = std::move(in_flight_.front());
    in_flight_.pop_front();
    last_size_ = response.Length();
    stream_->OnWritten(true);
    steps_.Run(log_, Step());
    return ParseBytes<v1::SubscribeResponse>(response);
  }
  // Reads until nothing more comes; returns the sequences of all events.
  std::vector<uint64_t> ReadAll() {
    std::vector<uint64_t> sequences;
    while (std::optional<v1::SubscribeResponse> response = Read()) {
      for (const v1::EnvelopeEvent& event : response->events()) {
        sequences.push_back(event.sequence());
      }
      last_ = *std::move(response);
    }
    return sequences;
  }
  void Advance(absl::Duration duration) {
    clock_.Advance(duration);
    steps_.Advance(duration, log_, Step());
  }
  std::function<void()> Step() {
    return [this] { stream_->Step(); };
  }

  std::string CursorAt(uint64_t sequence) const {
    return EncodeCursor({log_.Bounds().log_id, Sequence{sequence}});
  }
  v1::SubscribeRequest From(uint64_t sequence) const {
    v1::SubscribeRequest request;
    request.set_cursor(CursorAt(sequence));
    return request;
  }
  static v1::SubscribeRequest FromEarliest() {
    v1::SubscribeRequest request;
    request.set_start(v1::START_POSITION_EARLIEST);
    return request;
  }

  static v1::SubscribeRequest InBatchesOf(uint32_t events) {
    v1::SubscribeRequest request = FromEarliest();
    request.set_max_batch_events(events);
    return request;
  }
  // Opens a stream that is five batches of two behind: one is on its way, and
  // one after it.
  void OpenBehind() {
    Append(10);
    Open(InBatchesOf(2));
    Read();
    ASSERT_EQ(in_flight_.size(), 2);
  }

  // The value of a metric, by name and reason.
  double Metric(const std::string& name, const std::string& reason = "") const {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != name) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (reason.empty() || metric.label.at(0).value == reason) {
          return metric.counter.value + metric.gauge.value;
        }
      }
    }
    return -1;
  }

  MemoryEventLog log_;
  FakeClock clock_{kNow};
  FakeSteps steps_;
  StreamOptions options_ = {.server_id = "relay-1"};
  prometheus::Registry registry_;
  StreamMetrics metrics_{Sequence{0}, registry_};
  StreamPositions positions_;
  std::optional<Stream> stream_;

  // What the stream did to its call.
  std::deque<grpc::ByteBuffer> in_flight_;
  std::optional<absl::Status> finished_;
  bool finished_cancelled_ = false;
  bool reset_ = false;
  // Of two responses in flight: the first has left, but the stream has yet to
  // be told.
  bool second_has_begun_ = false;

  v1::SubscribeResponse last_;  // of ReadAll()
  size_t last_size_ = 0;        // of the last response read

 private:
  void Write(grpc::ByteBuffer response) override {
    RELAY_CHECK(in_flight_.size() < 2 && !finished_.has_value());
    in_flight_.push_back(std::move(response));
  }
  int Finish(const absl::Status& status) override {
    RELAY_CHECK(!finished_.has_value());
    finished_ = status;
    if (in_flight_.size() < 2 || second_has_begun_) return 0;
    in_flight_.pop_back();
    return 1;
  }
  int FinishCancelled() override {
    finished_cancelled_ = true;
    return Finish(absl::CancelledError());
  }
  void Reset() override { reset_ = true; }
};

TEST_F(StreamTest, TheFirstResponseComesAtOnceOnAnEmptyLog) {
  Open({});
  const auto first = Read();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->events_size(), 0);
  EXPECT_EQ(first->cursor(), CursorAt(0));
  EXPECT_EQ(first->backlog(), 0);
  EXPECT_EQ(first->server_time().seconds(), absl::ToUnixSeconds(kNow));
  EXPECT_FALSE(first->has_gap());
  EXPECT_FALSE(first->has_end());
  EXPECT_FALSE(Read().has_value());
}

TEST_F(StreamTest, TheFirstResponseSaysWhatIsInForce) {
  v1::SubscribeRequest request;
  request.set_max_batch_events(100'000);
  request.set_max_batch_bytes(1);
  request.mutable_heartbeat_interval()->set_seconds(7);
  Open(request);
  const v1::StreamInfo info = Read()->info();
  EXPECT_EQ(info.log_id(), log_.Bounds().log_id.ToString());
  EXPECT_EQ(info.server_id(), "relay-1");
  EXPECT_EQ(info.heartbeat_interval().seconds(), 7);
  EXPECT_EQ(info.max_stream_age().seconds(), 1800);
  EXPECT_EQ(info.max_batch_events(), 4096);
  EXPECT_EQ(info.max_batch_bytes(), 64 << 10);
}

TEST_F(StreamTest, OnlyTheFirstResponseHasInfo) {
  Append(1);
  Open(FromEarliest());
  EXPECT_TRUE(Read()->has_info());
  const auto second = Read();
  EXPECT_EQ(second->events_size(), 1);
  EXPECT_FALSE(second->has_info());
}

TEST_F(StreamTest, BeginsAfterTheNewestEventUnlessToldOtherwise) {
  Append(3);
  Open({});
  EXPECT_EQ(Read()->cursor(), CursorAt(3));
  Append(2);
  EXPECT_THAT(ReadAll(), ElementsAre(4, 5));
}

TEST_F(StreamTest, BeginsAtTheOldestRetainedEvent) {
  Append(5);
  log_.SetEarliest(Sequence{3});
  Open(FromEarliest());
  EXPECT_FALSE(Read()->has_gap());
  EXPECT_THAT(ReadAll(), ElementsAre(3, 4, 5));
}

TEST_F(StreamTest, BeginsRightAfterTheCursorWhateverElseIsSet) {
  Append(5);
  v1::SubscribeRequest request = FromEarliest();
  request.set_cursor(CursorAt(3));
  request.mutable_start_time()->set_seconds(1);
  Open(request);
  const auto first = Read();
  EXPECT_EQ(first->cursor(), CursorAt(3));
  EXPECT_EQ(first->backlog(), 2);
  EXPECT_THAT(ReadAll(), ElementsAre(4, 5));
}

TEST_F(StreamTest, BeginsAtATime) {
  for (int i = 1; i <= 4; ++i) {
    const std::string id = absl::StrCat("e", i);
    ASSERT_TRUE(testing::AppendAndWait(
                    log_, MakeEvent({.event_id = id,
                                     .receive_time =
                                         absl::FromUnixSeconds(1000 + 10 * i)}))
                    .ok());
  }
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_start_time()->set_seconds(1030);
  Open(request);
  EXPECT_THAT(ReadAll(), ElementsAre(3, 4));
}

TEST_F(StreamTest, ACursorResumesExactlyThere) {
  Append(10);
  for (uint64_t at = 0; at <= 10; ++at) {
    in_flight_.clear();
    finished_.reset();
    Open(From(at));
    const std::vector<uint64_t> sequences = ReadAll();
    ASSERT_EQ(sequences.size(), 10 - at);
    EXPECT_TRUE(at == 10 || sequences.front() == at + 1);
    EXPECT_EQ(last_.cursor(), CursorAt(10));
  }
}

TEST_F(StreamTest, EveryResponseHasACursorThatResumesAfterItsEvents) {
  Append(7);
  Open(InBatchesOf(3));
  EXPECT_EQ(Read()->cursor(), CursorAt(0));
  EXPECT_EQ(Read()->cursor(), CursorAt(3));
  const auto second = Read();
  EXPECT_EQ(second->cursor(), CursorAt(6));
  EXPECT_EQ(second->backlog(), 1);
  EXPECT_EQ(Read()->backlog(), 0);
}

TEST_F(StreamTest, SendsEventsAsTheyCome) {
  Open({});
  Read();
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_TRUE(steps_.waits_for_growth());
    Append(1);
    const auto response = Read();
    ASSERT_EQ(response->events_size(), 1);
    EXPECT_EQ(response->events(0).sequence(), i);
    EXPECT_EQ(response->cursor(), CursorAt(i));
  }
}

TEST_F(StreamTest, HasOneWriteInFlightAndReadsNothingMeanwhile) {
  Open({});
  Append(5);
  log_.ForgetRecent();
  steps_.Run(log_, Step());
  EXPECT_EQ(in_flight_.size(), 1);
  EXPECT_EQ(log_.reads(), 0);
  Read();
  EXPECT_EQ(log_.reads(), 1);
}

TEST_F(StreamTest, ReadsOneFullBatchAheadOfTheOneInFlight) {
  Append(10);
  log_.ForgetRecent();
  Open(InBatchesOf(2));
  Read();
  for (const auto& [reads, cursor] :
       std::map<int, uint64_t>{{2, 2}, {3, 4}, {4, 6}}) {
    EXPECT_EQ(in_flight_.size(), 2);
    EXPECT_EQ(log_.reads(), reads);
    EXPECT_EQ(Read()->cursor(), CursorAt(cursor));
  }
}

TEST_F(StreamTest, ReadsAheadOfABatchThatHoldsNoMoreBytes) {
  Append(20, "envelope-1", 10'000);
  log_.ForgetRecent();
  v1::SubscribeRequest request = FromEarliest();
  request.set_max_batch_bytes(64 << 10);
  Open(request);
  Read();
  EXPECT_EQ(in_flight_.size(), 2);
}

TEST_F(StreamTest, AWithdrawnRightHoldsTheSecondResponseBack) {
  OpenBehind();
  stream_->OnWithdrawn(AccessDeniedError("withdrawn"));
  EXPECT_EQ(ReasonOf(finished_.value()), "ACCESS_DENIED");
  EXPECT_EQ(Read()->cursor(), CursorAt(2));
  EXPECT_FALSE(Read().has_value());
  Advance(absl::Hours(1));
  EXPECT_FALSE(reset_);
}

TEST_F(StreamTest, ASecondResponseThatIsStuckIsBrokenOff) {
  OpenBehind();
  second_has_begun_ = true;
  stream_->OnWithdrawn(AccessDeniedError("withdrawn"));
  Read();
  EXPECT_EQ(in_flight_.size(), 1);
  Advance(absl::Minutes(1) - absl::Milliseconds(1));
  EXPECT_FALSE(reset_);
  Advance(absl::Milliseconds(1));
  EXPECT_TRUE(reset_);
}

TEST_F(StreamTest, AFailedWriteEndsTheStreamWithTwoInFlight) {
  OpenBehind();
  stream_->OnWritten(false);
  EXPECT_TRUE(finished_cancelled_);
}

TEST_F(StreamTest, ReadsNothingAheadOfABatchThatIsNotFull) {
  Append(3);
  Open(InBatchesOf(2));
  Read();
  Read();
  ASSERT_EQ(in_flight_.size(), 1);  // event 3
  Append(3);
  steps_.Run(log_, Step());
  EXPECT_EQ(in_flight_.size(), 1);
}

TEST_F(StreamTest, ASecondResponseMayTakeAsLongAsTheFirst) {
  options_.stall_timeout = absl::Minutes(10);
  OpenBehind();
  Advance(absl::Minutes(9));
  Read();
  Advance(absl::Minutes(9));
  EXPECT_FALSE(finished_.has_value());
  Advance(absl::Minutes(1));
  EXPECT_EQ(ReasonOf(finished_.value()), "READER_STALLED");
}

TEST_F(StreamTest, ABatchNeverExceedsItsBounds) {
  Append(100, "envelope-1", 3000);
  v1::SubscribeRequest request = FromEarliest();
  request.set_max_batch_bytes(64 << 10);
  request.set_max_batch_events(20);
  for (const bool recent : {true, false}) {
    if (!recent) log_.ForgetRecent();
    in_flight_.clear();
    Open(request);
    Read();
    size_t events = 0;
    while (const auto response = Read()) {
      EXPECT_LE(last_size_, 64u << 10);
      EXPECT_LE(response->events_size(), 20);
      events += static_cast<size_t>(response->events_size());
    }
    EXPECT_EQ(events, 100);
  }
}

TEST_F(StreamTest, ASingleEventMayBeLargerThanABatch) {
  Append(1);
  Append(1, "envelope-1", 200'000);
  Append(1);
  v1::SubscribeRequest request = FromEarliest();
  request.set_max_batch_bytes(64 << 10);
  Open(request);
  Read();
  EXPECT_EQ(Read()->events(0).sequence(), 1);
  const auto large = Read();
  ASSERT_EQ(large->events_size(), 1);
  EXPECT_EQ(large->events(0).payload().size(), 200'000);
  EXPECT_EQ(Read()->events(0).sequence(), 3);
}

TEST_F(StreamTest, ACompleteBatchLeavesRoomForAllThatMayStandBesideIt) {
  // The longest trailer that there is: everything set, to its largest value.
  Append(20, "envelope-1", 6000);
  log_.SetEarliest(Sequence{3});
  v1::SubscribeRequest request = From(1);
  request.set_max_batch_bytes(64 << 10);
  request.set_until_caught_up(true);
  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  Open(request);
  while (Read()) EXPECT_LE(last_size_, 64u << 10);
  EXPECT_TRUE(finished_->ok());
}

TEST_F(StreamTest, TheBasicViewHasNoPayload) {
  Append(2);
  v1::SubscribeRequest request = FromEarliest();
  request.set_view(v1::EVENT_VIEW_BASIC);
  Open(request);
  Read();
  const auto response = Read();
  ASSERT_EQ(response->events_size(), 2);
  EXPECT_EQ(response->events(0).payload(), "");
  EXPECT_EQ(response->events(0).event_id(), "e1");
  EXPECT_EQ(response->events(0).cursor(), CursorAt(1));
}

TEST_F(StreamTest, SendsOnlyWhatPassesTheFilter) {
  Append(2, "a");
  Append(2, "b");
  Append(1, "a");
  Append(1, "b");
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_filter()->add_envelope_ids("a");
  Open(request);
  Read();
  const auto response = Read();
  ASSERT_EQ(response->events_size(), 3);
  EXPECT_EQ(response->events(2).sequence(), 5);
  EXPECT_EQ(response->cursor(), CursorAt(6));
  Append(1, "a");
  EXPECT_EQ(Read()->events(0).sequence(), 7);
}

TEST_F(StreamTest, AFilterFindsTheSameOnTheDiskAsInMemory) {
  for (int i = 0; i < 3000; ++i) Append(1, i % 7 == 0 ? "a" : "b");
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_filter()->add_envelope_ids("a");
  request.set_max_batch_events(10);
  Open(request);
  const std::vector<uint64_t> recent = ReadAll();
  EXPECT_EQ(recent.size(), 429);
  log_.ForgetRecent();
  Open(request);
  EXPECT_EQ(ReadAll(), recent);
  request.mutable_filter()->clear_envelope_ids();
  request.mutable_filter()->add_types(v1::EVENT_TYPE_ENVELOPE_COMPLETED);
  Open(request);
  EXPECT_EQ(ReadAll().size(), 3000);
}

TEST_F(StreamTest, AFilterOfEnvelopesReadsTheIndexWhenItIsFarBack) {
  Append(5000, "a");
  Append(1, "b");
  log_.ForgetRecent();
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_filter()->add_envelope_ids("b");
  Open(request);
  EXPECT_THAT(ReadAll(), ElementsAre(5001));
  EXPECT_EQ(log_.reads(), 0);
}

TEST_F(StreamTest, SendsAHeartbeatALittleBeforeTheIntervalIsOver) {
  v1::SubscribeRequest request;
  request.mutable_heartbeat_interval()->set_seconds(10);
  Open(request);
  Read();
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Milliseconds(9499));
    EXPECT_FALSE(Read().has_value());
    Advance(absl::Milliseconds(1));
    const auto heartbeat = Read();
    ASSERT_TRUE(heartbeat.has_value());
    EXPECT_EQ(heartbeat->events_size(), 0);
    EXPECT_EQ(heartbeat->cursor(), CursorAt(0));
  }
}

TEST_F(StreamTest, AnEventStandsForAHeartbeat) {
  Open({});
  Read();
  Advance(absl::Seconds(15));
  Append(1);
  ASSERT_TRUE(Read().has_value());
  Advance(absl::Seconds(18));
  EXPECT_FALSE(Read().has_value());
  Advance(absl::Seconds(1));
  EXPECT_TRUE(Read().has_value());
}

TEST_F(StreamTest, AHeartbeatPassesOverWhatTheFilterLeftOut) {
  v1::SubscribeRequest request;
  request.mutable_filter()->add_envelope_ids("none");
  Open(request);
  Read();
  Append(4);
  EXPECT_FALSE(Read().has_value());
  Advance(absl::Seconds(20));
  const auto heartbeat = Read();
  ASSERT_TRUE(heartbeat.has_value());
  EXPECT_EQ(heartbeat->events_size(), 0);
  EXPECT_EQ(heartbeat->cursor(), CursorAt(4));
  EXPECT_EQ(heartbeat->backlog(), 0);
}

TEST_F(StreamTest, HeartbeatsComeWhileAFilterLeavesEverythingOut) {
  v1::SubscribeRequest request;
  request.mutable_filter()->add_envelope_ids("none");
  request.mutable_heartbeat_interval()->set_seconds(1);
  Open(request);
  Read();
  int heartbeats = 0;
  for (int i = 0; i < 50; ++i) {
    Append(1);
    Advance(absl::Milliseconds(100));
    if (Read().has_value()) ++heartbeats;
  }
  EXPECT_EQ(heartbeats, 5);  // of 1 s, 950 ms after the last, every 100 ms
}

TEST_F(StreamTest, HeartbeatsComeWhileALongScanFindsNothing) {
  // More than one turn of a scan takes.
  Append(100, "a", 200'000);
  log_.ForgetRecent();
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_filter()->add_uids("none");
  request.mutable_heartbeat_interval()->set_seconds(1);
  Open(request);
  ASSERT_FALSE(in_flight_.empty());
  in_flight_.clear();
  stream_->OnWritten(true);  // scans its first share, and asks for another
  Advance(absl::Seconds(1));
  const auto heartbeat = Read();
  ASSERT_TRUE(heartbeat.has_value());
  EXPECT_GT(heartbeat->backlog(), 0);
  EXPECT_LT(heartbeat->backlog(), 100);
}

TEST_F(StreamTest, UntilCaughtUpEndsAtTheNewestEventOfItsStart) {
  Append(3);
  v1::SubscribeRequest request = FromEarliest();
  request.set_until_caught_up(true);
  request.set_max_batch_events(2);
  Open(request);
  Append(5);
  EXPECT_THAT(ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(last_.end().reason(), v1::END_REASON_CAUGHT_UP);
  EXPECT_FALSE(last_.end().has_retry_delay());
  EXPECT_EQ(last_.cursor(), CursorAt(3));
  EXPECT_EQ(last_.backlog(), 5);
  ASSERT_TRUE(finished_.has_value());
  EXPECT_TRUE(finished_->ok());
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "CAUGHT_UP"), 1);
}

TEST_F(StreamTest, UntilCaughtUpEndsAtOnceWhenNothingIsThere) {
  v1::SubscribeRequest request;
  request.set_until_caught_up(true);
  Open(request);
  EXPECT_TRUE(Read()->has_info());
  EXPECT_EQ(Read()->end().reason(), v1::END_REASON_CAUGHT_UP);
  EXPECT_TRUE(finished_->ok());
}

TEST_F(StreamTest, UntilCaughtUpEndsWhereTheFilterLeavesTheNewestOut) {
  for (const bool recent : {true, false}) {
    Append(2000, "a");
    Append(1, "b");
    v1::SubscribeRequest request = FromEarliest();
    request.set_until_caught_up(true);
    request.mutable_filter()->add_envelope_ids("a");
    if (!recent) log_.ForgetRecent();
    finished_.reset();
    Open(request);
    const uint64_t latest = log_.Bounds().latest.value;
    Append(1, "a");
    EXPECT_EQ(ReadAll().back(), latest - 1);
    EXPECT_EQ(last_.cursor(), CursorAt(latest));
    EXPECT_EQ(last_.end().reason(), v1::END_REASON_CAUGHT_UP);
  }
}

TEST_F(StreamTest, ACursorWhoseEventsAreGoneFails) {
  Append(9);
  log_.SetEarliest(Sequence{6});
  Open(From(2));
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "CURSOR_EXPIRED");
  const auto metadata = ReadDetails(ToGrpcStatus(*finished_)).metadata;
  EXPECT_EQ(metadata.at("earliestCursor"), CursorAt(5));
  EXPECT_EQ(metadata.at("earliestSequence"), "6");
  EXPECT_EQ(metadata.at("lostEvents"), "3");
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "CURSOR_EXPIRED"), 1);
}

TEST_F(StreamTest, ACursorRightBeforeTheOldestEventIsGood) {
  Append(9);
  log_.SetEarliest(Sequence{6});
  Open(From(5));
  EXPECT_FALSE(Read()->has_gap());
  EXPECT_THAT(ReadAll(), ElementsAre(6, 7, 8, 9));
}

TEST_F(StreamTest, SkipGoesOnAtTheOldestEventAndSaysWhatIsLost) {
  Append(9);
  log_.SetEarliest(Sequence{6});
  v1::SubscribeRequest request = From(2);
  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  Open(request);
  const auto first = Read();
  EXPECT_EQ(first->gap().lost_events(), 3);
  EXPECT_EQ(first->gap().next_sequence(), 6);
  EXPECT_EQ(first->cursor(), CursorAt(5));
  const auto second = Read();
  EXPECT_FALSE(second->has_gap());
  EXPECT_EQ(second->events(0).sequence(), 6);
}

TEST_F(StreamTest, SkipWorksWhenEverythingIsGone) {
  Append(9);
  log_.SetEarliest(Sequence{10});
  v1::SubscribeRequest request = From(2);
  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  Open(request);
  const auto first = Read();
  EXPECT_EQ(first->gap().lost_events(), 7);
  EXPECT_EQ(first->gap().next_sequence(), 10);
  Append(1);
  EXPECT_THAT(ReadAll(), ElementsAre(10));
}

TEST_F(StreamTest, RetentionThatOvertakesAStalledStreamEndsIt) {
  Append(10);
  Open(InBatchesOf(2));
  Read();
  // 1 to 4: the client reads no further.
  ASSERT_EQ(in_flight_.size(), 2);
  log_.SetEarliest(Sequence{8});
  EXPECT_EQ(Read()->events_size(), 2);
  EXPECT_EQ(Read()->events_size(), 2);
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "CURSOR_EXPIRED");
  const auto metadata = ReadDetails(ToGrpcStatus(*finished_)).metadata;
  EXPECT_EQ(metadata.at("earliestSequence"), "8");
  EXPECT_EQ(metadata.at("lostEvents"), "3");
}

TEST_F(StreamTest, ASkippingStreamThatRetentionOvertakesGoesOn) {
  Append(10);
  v1::SubscribeRequest request = FromEarliest();
  request.set_max_batch_events(2);
  request.set_on_cursor_expired(v1::CURSOR_EXPIRED_POLICY_SKIP);
  Open(request);
  Read();
  log_.SetEarliest(Sequence{8});
  EXPECT_EQ(Read()->events_size(), 2);
  EXPECT_EQ(Read()->events_size(), 2);
  const auto next = Read();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->gap().lost_events(), 3);
  EXPECT_EQ(next->gap().next_sequence(), 8);
  EXPECT_EQ(next->events(0).sequence(), 8);
  EXPECT_FALSE(Read()->has_gap());
}

TEST_F(StreamTest, RetentionOvertakesAStreamThatReadsTheIndex) {
  Append(3000, "a");
  log_.ForgetRecent();
  v1::SubscribeRequest request = FromEarliest();
  request.mutable_filter()->add_envelope_ids("a");
  request.set_max_batch_events(2);
  Open(request);
  Read();
  log_.SetEarliest(Sequence{8});
  Read();
  Read();
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "CURSOR_EXPIRED");
}

TEST_F(StreamTest, ACursorPastTheEndFails) {
  Append(2);
  Open(From(3));
  EXPECT_EQ(ReasonOf(*finished_), "CURSOR_AHEAD");
  EXPECT_EQ(ReadDetails(ToGrpcStatus(*finished_)).metadata.at("latestSequence"),
            "2");
}

TEST_F(StreamTest, ACursorOfAnotherLogFails) {
  v1::SubscribeRequest request;
  request.set_cursor(EncodeCursor({LogId{1}, Sequence{0}}));
  Open(request);
  EXPECT_EQ(ReasonOf(*finished_), "CURSOR_UNKNOWN_LOG");
  EXPECT_EQ(ReadDetails(ToGrpcStatus(*finished_)).metadata.at("logId"),
            log_.Bounds().log_id.ToString());
}

TEST_F(StreamTest, EventsBeforeADamagedOneAreSentAndThenTheStreamEnds) {
  Append(5);
  log_.Damage(Sequence{4});
  Open(FromEarliest());
  EXPECT_THAT(ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(last_.cursor(), CursorAt(3));
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(finished_->code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadDetails(ToGrpcStatus(*finished_)).metadata.at("sequence"), "4");
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "RECORD_CORRUPT"), 1);
}

TEST_F(StreamTest, LostStorageEndsTheStream) {
  Append(1);
  log_.ForgetRecent();
  log_.SetReadError(absl::UnavailableError("the disk is gone"));
  Open(FromEarliest());
  Read();
  EXPECT_EQ(ReasonOf(*finished_), "SERVER_UNAVAILABLE");
}

// Fails with what no source should: an error that is none of the contract.
class BrokenSource final : public StreamSource {
 public:
  absl::Status Start() override {
    return absl::FailedPreconditionError("impossible");
  }
  StreamPart MakePart() const override { return {.batch = NoBatch(), .rest{}}; }
  absl::StatusOr<Next> Fill(StreamPart&) override { return Next::kWait; }
  absl::Status FillLast(StreamPart&) override { return absl::OkStatus(); }
  bool MayRunAhead() const override { return false; }
  void WaitForMore(StepScheduler&) override {}
  void Describe(v1::SubscribeResponse&) override {}
  void DescribeInfo(v1::StreamInfo&) const override {}
  void Stop() override {}

 private:
  static Batch NoBatch() { return {v1::EVENT_VIEW_FULL, {}}; }
};

TEST_F(StreamTest, ABugEndsTheStreamWithTheErrorThatIsCounted) {
  OpenSource(std::make_unique<BrokenSource>());
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "INTERNAL");
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "INTERNAL"), 1);
}

TEST_F(StreamTest, ABugThatIsMetAheadIsLoggedOnce) {
  Append(6);
  log_.ForgetRecent();
  Open(InBatchesOf(2));
  Read();
  log_.SetReadError(absl::FailedPreconditionError("impossible"));
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(ReadAll(), ElementsAre(1, 2, 3, 4));
  const std::string log = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(finished_.has_value());
  const std::string id =
      ReadDetails(ToGrpcStatus(*finished_)).metadata.at("requestId");
  EXPECT_THAT(log, HasSubstr("call failed request_id=" + id));
  EXPECT_EQ(log.find("call failed"), log.rfind("call failed")) << log;
}

TEST_F(StreamTest, EndsByItselfAtItsAge) {
  options_.max_stream_age = absl::Seconds(10);
  Open({}, /*jitter=*/0.5);
  Read();
  Advance(absl::Seconds(10) - absl::Milliseconds(1));
  EXPECT_FALSE(Read().has_value());
  Append(1);
  Read();
  Advance(absl::Milliseconds(1));
  const auto end = Read();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->end().reason(), v1::END_REASON_MAX_AGE);
  EXPECT_EQ(end->cursor(), CursorAt(1));
  EXPECT_EQ(end->end().retry_delay().nanos(), 500'000'000);
  EXPECT_TRUE(finished_->ok());
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "MAX_AGE"), 1);
}

TEST_F(StreamTest, TheAgeIsSpreadByAFifthBothWays) {
  for (const auto& [jitter, minutes] :
       std::map<double, int>{{0.0, 24}, {1.0, 36}}) {
    in_flight_.clear();
    finished_.reset();
    Open({}, jitter);
    in_flight_.clear();
    stream_->OnWritten(true);
    for (int i = 0; i < minutes; ++i) {
      ASSERT_FALSE(finished_.has_value());
      EXPECT_NE(last_.end().reason(), v1::END_REASON_MAX_AGE);
      for (int j = 0; j < 6; ++j) {
        Advance(absl::Seconds(10));
        ReadAll();
      }
    }
    EXPECT_EQ(last_.end().reason(), v1::END_REASON_MAX_AGE);
    last_.Clear();
  }
}

TEST_F(StreamTest, DrainingEndsAnIdleStream) {
  Append(3);
  Open(FromEarliest(), /*jitter=*/0.5);
  ReadAll();
  stream_->OnDrain();
  const auto end = Read();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->end().reason(), v1::END_REASON_SERVER_DRAINING);
  EXPECT_EQ(end->end().retry_delay().seconds(), 1);
  EXPECT_EQ(end->end().retry_delay().nanos(), 750'000'000);
  EXPECT_EQ(end->cursor(), CursorAt(3));
  EXPECT_TRUE(finished_->ok());
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "SERVER_DRAINING"), 1);
}

TEST_F(StreamTest, DrainingEndsABusyStreamAfterTheWritesInFlight) {
  Append(10);
  Open(InBatchesOf(2));
  Read();
  stream_->OnDrain();
  EXPECT_EQ(Read()->events_size(), 2);
  EXPECT_EQ(Read()->events_size(), 2);
  const auto end = Read();
  EXPECT_EQ(end->end().reason(), v1::END_REASON_SERVER_DRAINING);
  EXPECT_EQ(end->events_size(), 2);
  EXPECT_EQ(end->cursor(), CursorAt(6));
  EXPECT_TRUE(finished_->ok());
}

TEST_F(StreamTest, DrainingSendsWhatIsStoredBeforeTheEnd) {
  Open({});
  Read();
  Append(1);
  stream_->OnDrain();
  const auto end = Read();
  EXPECT_EQ(end->end().reason(), v1::END_REASON_SERVER_DRAINING);
  EXPECT_EQ(end->events_size(), 1);
  EXPECT_EQ(end->cursor(), CursorAt(1));
}

TEST_F(StreamTest, AStartTimeThatLiesAheadHoldsEarlierEventsBack) {
  v1::SubscribeRequest request;
  request.mutable_start_time()->set_seconds(253'402'300'799);  // year 9999
  Open(request);
  Read();
  Append(1);
  EXPECT_THAT(ReadAll(), IsEmpty());
  Advance(absl::Seconds(20));
  EXPECT_EQ(Read()->cursor(), CursorAt(1));
}

TEST_F(StreamTest, DrainingBeforeTheFirstStepStillConfirmsTheStream) {
  Open({});
  stream_->OnDrain();
  EXPECT_TRUE(Read()->has_info());
  EXPECT_EQ(Read()->end().reason(), v1::END_REASON_SERVER_DRAINING);
}

TEST_F(StreamTest, AClientThatReadsNothingIsGivenUp) {
  Append(1);
  Open(FromEarliest());
  Advance(absl::Minutes(15) - absl::Milliseconds(1));
  EXPECT_FALSE(finished_.has_value());
  Advance(absl::Milliseconds(1));
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "READER_STALLED");
  EXPECT_FALSE(reset_);
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "READER_STALLED"), 1);
}

TEST_F(StreamTest, WhatAGivenUpClientStillDoesNotReadIsBrokenOff) {
  Open({});
  Advance(absl::Minutes(15));
  Advance(absl::Minutes(1) - absl::Milliseconds(1));
  EXPECT_FALSE(reset_);
  Advance(absl::Milliseconds(1));
  EXPECT_TRUE(reset_);
}

TEST_F(StreamTest, AGivenUpClientThatReadsAfterAllIsNotBrokenOff) {
  Open({});
  Advance(absl::Minutes(15));
  stream_->OnWritten(true);
  Advance(absl::Minutes(2));
  EXPECT_FALSE(reset_);
}

TEST_F(StreamTest, AWithdrawnRightEndsAnIdleStreamAtOnce) {
  Open({});
  Read();
  stream_->OnWithdrawn(AccessDeniedError("withdrawn"));
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "ACCESS_DENIED");
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "ACCESS_DENIED"), 1);
  stream_->OnWithdrawn(CredentialsInvalidError("expired"));
  stream_->OnDrain();
  Append(1);
  EXPECT_EQ(ReasonOf(*finished_), "ACCESS_DENIED");
  EXPECT_FALSE(Read().has_value());
}

TEST_F(StreamTest, AWithdrawnRightEndsAStreamBeforeItsFirstStep) {
  Open({});
  stream_->OnWithdrawn(CredentialsInvalidError("expired"));
  ASSERT_TRUE(finished_.has_value());
  EXPECT_EQ(ReasonOf(*finished_), "CREDENTIALS_INVALID");
}

TEST_F(StreamTest, WhoHasLostTheRightAndDoesNotReadIsBrokenOff) {
  Append(1);
  Open(FromEarliest());
  stream_->OnWithdrawn(AccessDeniedError("withdrawn"));
  EXPECT_TRUE(finished_.has_value());
  Advance(absl::Minutes(1) - absl::Milliseconds(1));
  EXPECT_FALSE(reset_);
  Advance(absl::Milliseconds(1));
  EXPECT_TRUE(reset_);
}

TEST_F(StreamTest, AReaderThatIsOnlySlowIsNotGivenUp) {
  Append(10);
  Open(InBatchesOf(1));
  for (int i = 0; i < 10; ++i) {
    Advance(absl::Minutes(2));
    ASSERT_TRUE(Read().has_value());
  }
  EXPECT_FALSE(finished_.has_value());
}

TEST_F(StreamTest, ACancelledStreamEndsAtOnceEvenWithAWriteInFlight) {
  Open({});
  ASSERT_FALSE(in_flight_.empty());
  stream_->OnCancelled();
  EXPECT_TRUE(finished_cancelled_);
  stream_->OnWritten(false);
  stream_->OnDrain();
  Advance(absl::Hours(1));
  EXPECT_FALSE(reset_);
  EXPECT_EQ(Metric("envelope_relay_stream_ends_total", "CANCELLED"), 1);
}

TEST_F(StreamTest, AWriteThatFailsEndsTheStream) {
  Open({});
  stream_->OnWritten(false);
  EXPECT_TRUE(finished_cancelled_);
}

TEST_F(StreamTest, CountsDeliveries) {
  Append(5);
  Open(InBatchesOf(2));
  ReadAll();
  EXPECT_EQ(Metric("envelope_relay_stream_deliveries_total"), 5);
}

TEST_F(StreamTest, EveryEndIsCountedFromTheStart) {
  EXPECT_EQ(Metric("envelope_relay_streams"), 0);
  EXPECT_EQ(Metric("envelope_relay_stream_deliveries_total"), 0);
  for (const char* reason :
       {"CAUGHT_UP", "SERVER_DRAINING", "MAX_AGE", "CANCELLED",
        "CURSOR_EXPIRED", "READER_STALLED", "RECORD_CORRUPT"}) {
    EXPECT_EQ(Metric("envelope_relay_stream_ends_total", reason), 0) << reason;
  }
}

TEST_F(StreamTest, TheDelayOfFirstDeliveriesIsMeasured) {
  const auto delays = [this] {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name == "envelope_relay_delivery_delay_seconds") {
        return family.metric.at(0).histogram;
      }
    }
    ADD_FAILURE();
    return prometheus::ClientMetric::Histogram();
  };
  const auto append = [this](const std::string& id, absl::Time time) {
    ASSERT_TRUE(testing::AppendAndWait(
                    log_, MakeEvent({.event_id = id, .receive_time = time}))
                    .ok());
  };
  EXPECT_EQ(delays().sample_count, 0);
  append("a", kNow - absl::Seconds(3));
  append("b", kNow - absl::Seconds(1));
  Open(FromEarliest());
  EXPECT_THAT(ReadAll(), ElementsAre(1, 2));
  EXPECT_EQ(delays().sample_count, 2);
  EXPECT_DOUBLE_EQ(delays().sample_sum, 4);
  for (const auto& bucket : delays().bucket) {
    const auto count = bucket.upper_bound < 1   ? 0
                       : bucket.upper_bound < 5 ? 1 + (bucket.upper_bound > 3)
                                                : 2;
    EXPECT_EQ(bucket.cumulative_count, count) << bucket.upper_bound;
  }
  // Another stream gets them, too, and one that is received in the future of
  // a clock that was put back.
  append("c", kNow + absl::Hours(1));
  Open(FromEarliest());
  EXPECT_THAT(ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(delays().sample_count, 3);
  EXPECT_DOUBLE_EQ(delays().sample_sum, 4);
}

TEST_F(StreamTest, ItsPositionIsKnownForAsLongAsItIsOpen) {
  Append(13);
  EXPECT_EQ(positions_.Hindmost(), std::nullopt);
  v1::SubscribeRequest request = From(4);
  request.set_max_batch_events(3);
  Open(request);
  EXPECT_EQ(positions_.Hindmost(), Sequence{4});
  // The first response has no events, and its end steps the stream.
  ASSERT_TRUE(Read().has_value());
  // Up to 7 is on its way, and what follows is read.
  EXPECT_EQ(positions_.Hindmost(), Sequence{10});
  EXPECT_EQ(ReadAll().size(), 9);
  EXPECT_EQ(positions_.Hindmost(), Sequence{13});
  Append(1);
  EXPECT_EQ(positions_.Hindmost(), Sequence{13});
  stream_->OnCancelled();
  EXPECT_EQ(positions_.Hindmost(), std::nullopt);
}

}  // namespace
}  // namespace enveloperelay
