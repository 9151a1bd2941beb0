#include "server/stream/lookup.h"

#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/cursor.h"
#include "server/log/sequence.h"
#include "server/stream/errors.h"
#include "tests/support/append.h"
#include "tests/support/memory_event_log.h"
#include "tests/unit/stream/byte_buffer.h"

namespace enveloperelay {
namespace {

using testing::MakeEvent;
using testing::MemoryEventLog;
using testing::ParseBytes;

void AppendThree(MemoryEventLog& log) {
  for (int i = 1; i <= 3; ++i) {
    const std::string id = absl::StrCat("e", i);
    ASSERT_TRUE(testing::AppendAndWait(
                    log, MakeEvent({.event_id = id,
                                    .receive_time = absl::FromUnixSeconds(
                                        int64_t{100} * i)}))
                    .ok());
  }
}

absl::StatusOr<grpc::ByteBuffer> BySequence(const MemoryEventLog& log,
                                            uint64_t sequence) {
  v1::GetEventRequest request;
  request.set_sequence(sequence);
  return LookUpEvent(log, request);
}

absl::StatusOr<grpc::ByteBuffer> ById(const MemoryEventLog& log,
                                      const std::string& id) {
  v1::GetEventRequest request;
  request.set_event_id(id);
  return LookUpEvent(log, request);
}

TEST(LookUpEventTest, FindsAnEventByEitherKey) {
  MemoryEventLog log;
  AppendThree(log);
  const auto by_sequence = BySequence(log, 2);
  ASSERT_TRUE(by_sequence.ok());
  EXPECT_EQ(ParseBytes<v1::GetEventResponse>(*by_sequence).event().event_id(),
            "e2");
  const auto by_id = ById(log, "e3");
  ASSERT_TRUE(by_id.ok());
  EXPECT_EQ(ParseBytes<v1::GetEventResponse>(*by_id).event().sequence(), 3);
}

TEST(LookUpEventTest, AnEventThatIsNotThereIsNotFound) {
  MemoryEventLog log;
  AppendThree(log);
  log.SetEarliest(Sequence{2});
  for (const auto& result :
       {BySequence(log, 0), BySequence(log, 1), BySequence(log, 4),
        BySequence(log, UINT64_MAX), ById(log, "e1"), ById(log, "e4"),
        ById(log, std::string(1 << 20, 'x'))}) {
    EXPECT_EQ(ReasonOf(result.status()), "EVENT_NOT_FOUND");
    EXPECT_LT(result.status().message().size(), 200);
  }
}

TEST(LookUpEventTest, AKeyIsNeeded) {
  const MemoryEventLog log;
  EXPECT_EQ(ReasonOf(LookUpEvent(log, {}).status()), "FIELD_INVALID");
  EXPECT_EQ(ReasonOf(ById(log, "").status()), "FIELD_INVALID");
}

TEST(LookUpEventTest, ADamagedRecordIsSaidToBe) {
  MemoryEventLog log;
  AppendThree(log);
  log.Damage(Sequence{2});
  EXPECT_EQ(ReasonOf(BySequence(log, 2).status()), "RECORD_CORRUPT");
}

TEST(DescribeLogTest, AnEmptyLogHasCursorsButNoEvents) {
  const MemoryEventLog log;
  const v1::GetLogResponse response = DescribeLog(log.Bounds());
  EXPECT_EQ(response.log_id(), log.Bounds().log_id.ToString());
  const std::string start = EncodeCursor({log.Bounds().log_id, Sequence{0}});
  EXPECT_EQ(response.earliest_cursor(), start);
  EXPECT_EQ(response.latest_cursor(), start);
  EXPECT_EQ(response.earliest_sequence(), 0);
  EXPECT_EQ(response.latest_sequence(), 0);
  EXPECT_FALSE(response.has_earliest_time());
  EXPECT_FALSE(response.has_latest_time());
}

TEST(DescribeLogTest, SaysWhatIsRetained) {
  MemoryEventLog log;
  AppendThree(log);
  log.SetEarliest(Sequence{2});
  const v1::GetLogResponse response = DescribeLog(log.Bounds());
  EXPECT_EQ(response.earliest_sequence(), 2);
  EXPECT_EQ(response.latest_sequence(), 3);
  EXPECT_EQ(response.earliest_cursor(),
            EncodeCursor({log.Bounds().log_id, Sequence{1}}));
  EXPECT_EQ(response.latest_cursor(),
            EncodeCursor({log.Bounds().log_id, Sequence{3}}));
  EXPECT_EQ(response.earliest_time().seconds(), 200);
  EXPECT_EQ(response.latest_time().seconds(), 300);
}

TEST(DescribeLogTest, ALogWhoseEventsAreAllGoneKnowsItsNewestSequence) {
  MemoryEventLog log;
  AppendThree(log);
  log.SetEarliest(Sequence{4});
  const v1::GetLogResponse response = DescribeLog(log.Bounds());
  EXPECT_EQ(response.earliest_sequence(), 0);
  EXPECT_EQ(response.latest_sequence(), 3);
  EXPECT_EQ(response.earliest_cursor(), response.latest_cursor());
  EXPECT_FALSE(response.has_earliest_time());
}

}  // namespace
}  // namespace enveloperelay
