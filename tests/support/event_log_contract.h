#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_LOG_CONTRACT_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_LOG_CONTRACT_H_

// What every EventLog does. One file of a test program runs it over one:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EventLogContract,
//                            ::testing::Values(&MakeMemoryLogUnderTest));

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"
#include "tests/support/log_range.h"

namespace enveloperelay::testing {

// An empty log, and the way to make its retention work.
class EventLogUnderTest {
 public:
  virtual ~EventLogUnderTest() = default;
  virtual EventLog& log() = 0;
  // Has retention remove the events received before `time`, and returns when
  // it has.
  virtual void Expire(absl::Time time) = 0;
};

using EventLogFactory = std::unique_ptr<EventLogUnderTest> (*)();

class EventLogContract : public ::testing::TestWithParam<EventLogFactory> {
 protected:
  // Receive time number `i`: a second apart.
  static absl::Time Time(int i) {
    return absl::FromUnixSeconds(1'700'000'000 + i);
  }
  static std::string EventId(int i) { return absl::StrCat("event-", i); }

  EventLog& log() { return under_test_->log(); }
  void Expire(absl::Time time) { under_test_->Expire(time); }

  Sequence Append(const TestEvent& event) {
    const absl::StatusOr<Appended> appended =
        AppendAndWait(log(), MakeEvent(event));
    EXPECT_TRUE(appended.ok()) << appended.status();
    if (!appended.ok()) return Sequence{};
    EXPECT_FALSE(appended->duplicate);
    return appended->sequence;
  }
  // Appends events 1 to `count` of as many seconds.
  void Fill(int count) {
    for (int i = 1; i <= count; ++i) {
      Append({.event_id = EventId(i), .receive_time = Time(i)});
    }
  }
  LogRange Read(Sequence after, const ReadLimits& limits = kNoLimits) {
    absl::StatusOr<LogRange> range = log().Read(after, limits);
    EXPECT_TRUE(range.ok()) << range.status();
    return range.ok() ? *std::move(range) : LogRange{};
  }
  LogRange ReadEnvelopes(const std::vector<std::string>& ids, Sequence after,
                         const ReadLimits& limits = kNoLimits) {
    absl::StatusOr<LogRange> range = log().ReadEnvelopes(ids, after, limits);
    EXPECT_TRUE(range.ok()) << range.status();
    return range.ok() ? *std::move(range) : LogRange{};
  }

 private:
  std::unique_ptr<EventLogUnderTest> under_test_ = GetParam()();
};

TEST_P(EventLogContract, IsEmptyAtFirst) {
  const LogBounds bounds = log().Bounds();
  EXPECT_TRUE(bounds.empty());
  EXPECT_EQ(bounds.earliest, Sequence{1});
  EXPECT_EQ(bounds.latest, Sequence{0});
  EXPECT_EQ(bounds.earliest_time, absl::InfinitePast());
  EXPECT_EQ(bounds.latest_time, absl::InfinitePast());
  EXPECT_EQ(log().tail().end(), Sequence{0});
  EXPECT_TRUE(log().Health().ok());
}

TEST_P(EventLogContract, ReadsNothingFromAnEmptyLog) {
  EXPECT_TRUE(Read(Sequence{}).spans.empty());
  const std::optional<LogRange> recent = log().ReadRecent({}, kNoLimits);
  ASSERT_TRUE(recent.has_value());
  EXPECT_TRUE(recent->spans.empty());
  EXPECT_EQ(log().FindTime(Time(0)).value(), Sequence{0});
}

TEST_P(EventLogContract, GivesSequencesFromOneWithoutHoles) {
  for (uint64_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(Append({.event_id = absl::StrCat("event-", i)}), Sequence{i});
  }
  EXPECT_EQ(log().tail().end(), Sequence{5});
}

TEST_P(EventLogContract, AnswersADuplicateWithThePlaceOfTheFirst) {
  Fill(3);
  const absl::StatusOr<Appended> again =
      AppendAndWait(log(), MakeEvent({.event_id = EventId(2)}));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->sequence, Sequence{2});
  EXPECT_EQ(log().Bounds().latest, Sequence{3});
}

TEST_P(EventLogContract, TellsEventIdsApartThatDifferInFormOnly) {
  const Sequence lower =
      Append({.event_id = "a52cbea1-6da5-8b1f-8a54-3d1f2a4b5c6d"});
  const Sequence upper =
      Append({.event_id = "A52CBEA1-6DA5-8B1F-8A54-3D1F2A4B5C6D"});
  EXPECT_EQ(lower, Sequence{1});
  EXPECT_EQ(upper, Sequence{2});
  EXPECT_EQ(log().FindEventId("A52CBEA1-6DA5-8B1F-8A54-3D1F2A4B5C6D").value(),
            upper);
}

TEST_P(EventLogContract, ReturnsWhatWasAppendedWithItsPlace) {
  v1::EnvelopeEvent event =
      MakeEvent({.event_id = "e", .receive_time = Time(7)});
  event.mutable_audit_trail()->set_recipient_id("r");
  event.set_sequence(99);
  event.set_cursor("set by the log, not by the caller");
  ASSERT_TRUE(AppendAndWait(log(), event).ok());

  const std::vector<v1::EnvelopeEvent> events = Events(Read(Sequence{}));
  ASSERT_EQ(events.size(), 1);
  const Cursor cursor{log().Bounds().log_id, Sequence{1}};
  event.set_sequence(1);
  event.set_cursor(EncodeCursor(cursor));
  EXPECT_EQ(events[0].SerializeAsString(), event.SerializeAsString());
}

TEST_P(EventLogContract, TheBasicViewIsTheEventWithoutItsPayload) {
  Append({.event_id = "e", .payload = std::string(300, 'p')});
  const LogRange range = Read(Sequence{});
  ASSERT_EQ(range.spans.size(), 1);
  const Chunk& chunk = *range.spans[0].chunk;
  const RecordRef& ref = chunk.records[range.spans[0].first];
  v1::EnvelopeEvent full;
  v1::EnvelopeEvent basic;
  ASSERT_TRUE(full.ParseFromString(std::string(chunk.Event(ref))));
  ASSERT_TRUE(basic.ParseFromString(std::string(chunk.BasicEvent(ref))));
  EXPECT_EQ(full.payload().size(), 300);
  full.clear_payload();
  EXPECT_EQ(basic.SerializeAsString(), full.SerializeAsString());
}

TEST_P(EventLogContract, ReadsOnWhereAReadEnded) {
  Fill(10);
  Sequence after;
  std::vector<uint64_t> seen;
  while (after < Sequence{10}) {
    const LogRange range =
        Read(after, {.events_max = 3, .bytes_max = SIZE_MAX});
    ASSERT_GT(range.end, after);
    EXPECT_LE(Sequences(range).size(), 3);
    for (const uint64_t sequence : Sequences(range)) seen.push_back(sequence);
    after = range.end;
  }
  EXPECT_THAT(seen, ::testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
}

TEST_P(EventLogContract, ReadsNothingAtItsEnd) {
  Fill(3);
  const LogRange range = Read(Sequence{3});
  EXPECT_TRUE(range.spans.empty());
  EXPECT_EQ(range.end, Sequence{3});
}

TEST_P(EventLogContract, AReadStaysWithinItsBytes) {
  Fill(10);
  const LogRange one =
      Read(Sequence{}, {.events_max = 1, .bytes_max = 1 << 20});
  const size_t size = one.spans.at(0).chunk->records.at(0).size();
  const LogRange range =
      Read(Sequence{}, {.events_max = 10, .bytes_max = 3 * size + 1});
  EXPECT_THAT(Sequences(range), ::testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(range.end, Sequence{3});
}

TEST_P(EventLogContract, AReadReturnsARecordThatIsLargerThanItsBytes) {
  Fill(2);
  const LogRange range = Read(Sequence{}, {.events_max = 10, .bytes_max = 1});
  EXPECT_THAT(Sequences(range), ::testing::ElementsAre(1));
}

TEST_P(EventLogContract, ReadsFromMemoryWhatItReadsFromTheStore) {
  Fill(10);
  const ReadLimits limits{.events_max = 4, .bytes_max = SIZE_MAX};
  const std::optional<LogRange> recent = log().ReadRecent(Sequence{3}, limits);
  ASSERT_TRUE(recent.has_value());
  const LogRange stored = Read(Sequence{3}, limits);
  EXPECT_THAT(Sequences(*recent), ::testing::ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(recent->end, stored.end);
  const auto a = Events(*recent);
  const auto b = Events(stored);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].SerializeAsString(), b[i].SerializeAsString());
  }
}

TEST_P(EventLogContract, MovesAReceiveTimeForwardThatWouldFall) {
  Append({.event_id = "a", .receive_time = Time(5)});
  Append({.event_id = "b", .receive_time = Time(2)});
  const LogRange range = Read(Sequence{1});
  EXPECT_EQ(range.spans.at(0)
                .chunk->records.at(range.spans[0].first)
                .receive_time_micros,
            absl::ToUnixMicros(Time(5)));
  EXPECT_EQ(Events(range).at(0).receive_time().seconds(),
            absl::ToUnixSeconds(Time(5)));
  EXPECT_EQ(log().Bounds().latest_time, Time(5));
}

TEST_P(EventLogContract, KeepsMicrosecondsOfAReceiveTime) {
  Append({.event_id = "a", .receive_time = Time(0) + absl::Nanoseconds(1999)});
  EXPECT_EQ(Events(Read(Sequence{})).at(0).receive_time().nanos(), 1000);
  EXPECT_EQ(log().Bounds().latest_time, Time(0) + absl::Microseconds(1));
}

TEST_P(EventLogContract, FindsTheFirstEventAtOrAfterATime) {
  Fill(5);
  const auto find = [this](absl::Time time) {
    return log().FindTime(time).value().value;
  };
  EXPECT_EQ(find(absl::InfinitePast()), 0);
  EXPECT_EQ(find(Time(1)), 0);
  EXPECT_EQ(find(Time(3)), 2);
  EXPECT_EQ(find(Time(3) + absl::Nanoseconds(1)), 3);
  EXPECT_EQ(find(Time(5)), 4);
  EXPECT_EQ(find(Time(6)), 5);
  EXPECT_EQ(find(absl::InfiniteFuture()), 5);
}

TEST_P(EventLogContract, GetsOneRecord) {
  Fill(3);
  const absl::StatusOr<ChunkSpan> span = log().Get(Sequence{2});
  ASSERT_TRUE(span.ok()) << span.status();
  ASSERT_EQ(span->size(), 1);
  EXPECT_EQ(Events(LogRange{{*span}, {}}).at(0).event_id(), EventId(2));
}

TEST_P(EventLogContract, FindsNoRecordOutsideOfTheLog) {
  Fill(1);
  EXPECT_EQ(log().Get(Sequence{0}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(log().Get(Sequence{2}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(EventLogContract, FindsAnEventById) {
  Fill(3);
  EXPECT_EQ(log().FindEventId(EventId(2)).value(), Sequence{2});
  EXPECT_EQ(log().FindEventId("another").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(EventLogContract, ReadsTheEventsOfEnvelopesInLogOrder) {
  const std::vector<std::string> envelopes = {"a", "b", "c",  "a",
                                              "b", "c", "ab", "a"};
  for (size_t i = 0; i < envelopes.size(); ++i) {
    Append(
        {.event_id = absl::StrCat("event-", i), .envelope_id = envelopes[i]});
  }
  const LogRange range = ReadEnvelopes({"a", "c"}, Sequence{});
  EXPECT_THAT(Sequences(range), ::testing::ElementsAre(1, 3, 4, 6, 8));
  EXPECT_EQ(range.end, Sequence{8});
  EXPECT_EQ(Events(range).at(3).envelope_id(), "c");
}

TEST_P(EventLogContract, NamesAnEnvelopeTwiceAndReadsItOnce) {
  Fill(2);
  EXPECT_THAT(
      Sequences(ReadEnvelopes({"envelope-1", "envelope-1"}, Sequence{})),
      ::testing::ElementsAre(1, 2));
}

TEST_P(EventLogContract, AReadOfEnvelopesThatIsFullEndsAtItsLastRecord) {
  for (int i = 1; i <= 6; ++i) {
    Append(
        {.event_id = EventId(i), .envelope_id = i % 2 == 1 ? "odd" : "even"});
  }
  const ReadLimits two{.events_max = 2, .bytes_max = SIZE_MAX};
  const LogRange first = ReadEnvelopes({"odd"}, Sequence{}, two);
  EXPECT_THAT(Sequences(first), ::testing::ElementsAre(1, 3));
  EXPECT_EQ(first.end, Sequence{3});
  const LogRange second = ReadEnvelopes({"odd"}, first.end, two);
  EXPECT_THAT(Sequences(second), ::testing::ElementsAre(5));
  EXPECT_EQ(second.end, Sequence{6});
}

TEST_P(EventLogContract,
       AReadOfEnvelopesReturnsARecordThatIsLargerThanItsBytes) {
  Fill(3);
  const LogRange range = ReadEnvelopes({"envelope-1"}, Sequence{},
                                       {.events_max = 10, .bytes_max = 1});
  EXPECT_THAT(Sequences(range), ::testing::ElementsAre(1));
  EXPECT_EQ(range.end, Sequence{1});
}

TEST_P(EventLogContract, AReadOfUnknownEnvelopesReachesTheEnd) {
  Fill(3);
  const LogRange range = ReadEnvelopes({"another", ""}, Sequence{1});
  EXPECT_TRUE(range.spans.empty());
  EXPECT_EQ(range.end, Sequence{3});
}

TEST_P(EventLogContract, RefusesToReadWhatIsNoLongerRetained) {
  Fill(5);
  Expire(Time(4));
  EXPECT_EQ(log().Bounds().earliest, Sequence{4});
  EXPECT_EQ(log().Bounds().earliest_time, Time(4));
  EXPECT_EQ(log().Read(Sequence{2}, kNoLimits).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(log().ReadRecent(Sequence{2}, kNoLimits), std::nullopt);
  EXPECT_EQ(log().Get(Sequence{3}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Sequences(Read(Sequence{3})), ::testing::ElementsAre(4, 5));
}

TEST_P(EventLogContract, AnEnvelopesHistoryBeginsWithWhatIsRetained) {
  Fill(5);
  Expire(Time(4));
  const LogRange range = ReadEnvelopes({"envelope-1"}, Sequence{});
  EXPECT_THAT(Sequences(range), ::testing::ElementsAre(4, 5));
}

TEST_P(EventLogContract, FindsTimesAmongWhatIsRetained) {
  Fill(5);
  Expire(Time(4));
  EXPECT_EQ(log().FindTime(Time(1)).value(), Sequence{3});
}

TEST_P(EventLogContract, AnEventIdIsNewAgainWhenItsEventIsNoLongerRetained) {
  Fill(3);
  Expire(Time(3));
  EXPECT_EQ(log().FindEventId(EventId(2)).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Append({.event_id = EventId(2), .receive_time = Time(4)}),
            Sequence{4});
  EXPECT_EQ(log().FindEventId(EventId(2)).value(), Sequence{4});
}

TEST_P(EventLogContract, CountsOnWhenEverythingHasBeenRemoved) {
  Fill(3);
  Expire(Time(10));
  EXPECT_TRUE(log().Bounds().empty());
  EXPECT_EQ(log().Bounds().earliest, Sequence{4});
  EXPECT_EQ(log().Bounds().latest, Sequence{3});
  EXPECT_TRUE(Read(Sequence{3}).spans.empty());
  EXPECT_EQ(Append({.event_id = "next", .receive_time = Time(11)}),
            Sequence{4});
  EXPECT_THAT(Sequences(Read(Sequence{3})), ::testing::ElementsAre(4));
}

TEST_P(EventLogContract, WhatAReaderHoldsOutlivesRetention) {
  Fill(3);
  const LogRange range = Read(Sequence{});
  Expire(Time(10));
  EXPECT_EQ(Events(range).at(0).event_id(), EventId(1));
}

TEST_P(EventLogContract, WakesAReaderOnceWhatItWaitsForCanBeRead) {
  Fill(1);
  std::vector<uint64_t> read;
  log().tail().NotifyPast(Sequence{1}, [&] {
    read = Sequences(log().ReadRecent(Sequence{1}, kNoLimits).value());
  });
  Append({.event_id = "next"});
  EXPECT_THAT(read, ::testing::ElementsAre(2));
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_EVENT_LOG_CONTRACT_H_
