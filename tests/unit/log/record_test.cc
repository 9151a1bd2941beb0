#include "server/log/record.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"

namespace enveloperelay {
namespace {

using testing::MakeEvent;

constexpr LogId kLogId{7};

TEST(RecordTest, ARangeOfRecordsIsAResponse) {
  Chunk chunk;
  for (uint64_t i = 1; i <= 3; ++i) {
    const std::string payload(i * 100'000, 'p');
    AppendRecord(EncodeEvent(MakeEvent({.event_id = "e", .payload = payload})),
                 {kLogId, Sequence{i}}, static_cast<int64_t>(i), chunk);
  }
  v1::SubscribeResponse tail;
  tail.set_cursor("c");
  v1::SubscribeResponse response;
  ASSERT_TRUE(response.ParseFromString(chunk.bytes + tail.SerializeAsString()));
  ASSERT_EQ(response.events_size(), 3);
  EXPECT_EQ(response.events(2).sequence(), 3);
  EXPECT_EQ(response.events(2).payload().size(), 300'000);
  EXPECT_EQ(response.cursor(), "c");
}

TEST(RecordTest, AnEventWithoutPayloadIsItsOwnBasicView) {
  Chunk chunk;
  AppendRecord(EncodeEvent(MakeEvent({.event_id = "e", .payload = ""})),
               {kLogId, Sequence{1}}, 0, chunk);
  const RecordRef& ref = chunk.records.at(0);
  EXPECT_EQ(ref.payload, ref.end);
  EXPECT_EQ(chunk.BasicEvent(ref), chunk.Event(ref));
}

TEST(RecordTest, ThePayloadIsTheLastField) {
  Chunk chunk;
  AppendRecord(EncodeEvent(MakeEvent({.event_id = "e", .payload = "body"})),
               {kLogId, Sequence{1}}, 0, chunk);
  const RecordRef& ref = chunk.records.at(0);
  EXPECT_EQ(chunk.bytes.substr(ref.payload),
            "\x9a\x06\x04"
            "body");
  EXPECT_EQ(ref.end, chunk.bytes.size());
}

TEST(RecordTest, CarriesTheReceiveTimeThatItIsGiven) {
  // Before 1970 the nanoseconds of a Timestamp count forward, too.
  for (const int64_t micros : {int64_t{0}, int64_t{1'700'000'000'123'456},
                               int64_t{-1}, int64_t{-1'000'000}}) {
    Chunk chunk;
    AppendRecord(EncodeEvent(MakeEvent({.event_id = "e"})),
                 {kLogId, Sequence{1}}, micros, chunk);
    v1::EnvelopeEvent event;
    ASSERT_TRUE(
        event.ParseFromString(std::string(chunk.Event(chunk.records.at(0)))));
    EXPECT_GE(event.receive_time().nanos(), 0);
    EXPECT_EQ(event.receive_time().seconds() * 1'000'000 +
                  event.receive_time().nanos() / 1000,
              micros);
    EXPECT_EQ(chunk.records[0].receive_time_micros, micros);
  }
}

}  // namespace
}  // namespace enveloperelay
