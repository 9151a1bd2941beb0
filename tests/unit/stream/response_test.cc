#include "server/stream/response.h"

#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"
#include "tests/unit/stream/byte_buffer.h"

namespace enveloperelay {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using testing::MakeEvent;
using testing::ParseBytes;
using testing::SlicesOf;
using ChunkPtr = std::shared_ptr<const Chunk>;

constexpr BatchLimits kNoLimits{.events_max = SIZE_MAX, .bytes_max = SIZE_MAX};

// `count` events from sequence `first` on, each with a payload of that size.
ChunkPtr MakeChunk(uint64_t first, size_t count, size_t payload_size) {
  auto chunk = std::make_shared<Chunk>();
  const std::string payload(payload_size, 'p');
  for (uint64_t sequence = first; sequence < first + count; ++sequence) {
    AppendRecord(EncodeEvent(MakeEvent({.event_id = absl::StrCat("e", sequence),
                                        .payload = payload})),
                 Cursor{LogId{1}, Sequence{sequence}}, 0, *chunk);
  }
  return chunk;
}

v1::EnvelopeEvent ParseEvent(const Chunk& chunk, size_t index) {
  v1::EnvelopeEvent event;
  EXPECT_TRUE(
      event.ParseFromString(std::string(chunk.Event(chunk.records[index]))));
  return event;
}

TEST(BatchTest, IsTheResponseThatHasItsEventsAndTheTrailer) {
  const ChunkPtr chunk = MakeChunk(1, 3, 100);
  v1::SubscribeResponse expected;
  expected.set_cursor("cursor");
  expected.set_backlog(7);
  const std::string trailer = expected.SerializeAsString();

  Batch batch(v1::EVENT_VIEW_FULL, kNoLimits);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(batch.Add(chunk, i));
    *expected.add_events() = ParseEvent(*chunk, i);
  }
  EXPECT_EQ(batch.events(), 3);
  EXPECT_EQ(batch.bytes(), chunk->bytes.size());
  EXPECT_TRUE(MessageDifferencer::Equals(
      ParseBytes<v1::SubscribeResponse>(std::move(batch).Finish(trailer)),
      expected));
}

TEST(BatchTest, IsAListEventsResponseAndAGetEventResponseToo) {
  const ChunkPtr chunk = MakeChunk(5, 1, 10);
  Batch page(v1::EVENT_VIEW_FULL, kNoLimits);
  page.Add(chunk, 0);
  const auto list =
      ParseBytes<v1::ListEventsResponse>(std::move(page).Finish(""));
  ASSERT_EQ(list.events_size(), 1);
  EXPECT_EQ(list.events(0).sequence(), 5);

  Batch one(v1::EVENT_VIEW_FULL, kNoLimits);
  one.Add(chunk, 0);
  const auto get = ParseBytes<v1::GetEventResponse>(std::move(one).Finish(""));
  EXPECT_EQ(get.event().sequence(), 5);
}

TEST(BatchTest, TheBasicViewIsEverythingButThePayload) {
  const ChunkPtr chunk = MakeChunk(1, 2, 300);
  Batch batch(v1::EVENT_VIEW_BASIC, kNoLimits);
  batch.Add(chunk, 0);
  batch.Add(chunk, 1);
  v1::SubscribeResponse expected;
  for (size_t i = 0; i < 2; ++i) {
    *expected.add_events() = ParseEvent(*chunk, i);
    expected.mutable_events(static_cast<int>(i))->clear_payload();
  }
  const size_t bytes = batch.bytes();
  const grpc::ByteBuffer response = std::move(batch).Finish("");
  EXPECT_TRUE(MessageDifferencer::Equals(
      ParseBytes<v1::SubscribeResponse>(response), expected));
  EXPECT_EQ(response.Length(), bytes);
}

TEST(BatchTest, ALongRunIsASliceOfTheStoredBytes) {
  const ChunkPtr chunk = MakeChunk(1, 64, 1000);
  Batch batch(v1::EVENT_VIEW_FULL, kNoLimits);
  for (size_t i = 0; i < 64; ++i) batch.Add(chunk, i);
  const std::vector<grpc::Slice> slices =
      SlicesOf(std::move(batch).Finish("x"));
  ASSERT_EQ(slices.size(), 2);
  EXPECT_EQ(static_cast<const void*>(slices[0].begin()), chunk->bytes.data());
  EXPECT_EQ(slices[0].size(), chunk->bytes.size());
}

TEST(BatchTest, KeepsAChunkAliveUntilItsSliceIsGone) {
  ChunkPtr chunk = MakeChunk(1, 64, 1000);
  const std::weak_ptr<const Chunk> alive = chunk;
  grpc::ByteBuffer response;
  {
    Batch batch(v1::EVENT_VIEW_FULL, kNoLimits);
    for (size_t i = 0; i < 64; ++i) batch.Add(chunk, i);
    response = std::move(batch).Finish("");
  }
  chunk.reset();
  EXPECT_FALSE(alive.expired());
  response.Clear();
  EXPECT_TRUE(alive.expired());
}

TEST(BatchTest, ASmallPartOfAChunkDoesNotKeepItAlive) {
  ChunkPtr chunk = MakeChunk(1, 1000, 1000);
  const std::weak_ptr<const Chunk> alive = chunk;
  Batch batch(v1::EVENT_VIEW_FULL, kNoLimits);
  for (size_t i = 100; i < 200; ++i) batch.Add(chunk, i);
  const grpc::ByteBuffer response = std::move(batch).Finish("");
  chunk.reset();
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(ParseBytes<v1::SubscribeResponse>(response).events_size(), 100);
}

TEST(BatchTest, ScatteredRecordsShareOneSlice) {
  const ChunkPtr chunk = MakeChunk(1, 100, 50);
  Batch batch(v1::EVENT_VIEW_FULL, kNoLimits);
  for (size_t i = 0; i < 100; i += 2) batch.Add(chunk, i);
  const grpc::ByteBuffer response = std::move(batch).Finish("");
  EXPECT_EQ(SlicesOf(response).size(), 1);
  EXPECT_EQ(ParseBytes<v1::SubscribeResponse>(response).events_size(), 50);
}

TEST(BatchTest, IsFullAtTheBoundOfEvents) {
  const ChunkPtr chunk = MakeChunk(1, 3, 10);
  Batch batch(v1::EVENT_VIEW_FULL, {.events_max = 2, .bytes_max = SIZE_MAX});
  EXPECT_TRUE(batch.Add(chunk, 0));
  EXPECT_FALSE(batch.full());
  EXPECT_TRUE(batch.Add(chunk, 1));
  EXPECT_TRUE(batch.full());
  EXPECT_FALSE(batch.Add(chunk, 2));
  EXPECT_EQ(batch.events(), 2);
}

TEST(BatchTest, NeverExceedsTheBoundOfBytes) {
  const ChunkPtr chunk = MakeChunk(1, 3, 1000);
  const size_t two = chunk->records[1].end;
  Batch exact(v1::EVENT_VIEW_FULL, {.events_max = 9, .bytes_max = two});
  EXPECT_TRUE(exact.Add(chunk, 0));
  EXPECT_TRUE(exact.Add(chunk, 1));
  EXPECT_FALSE(exact.Add(chunk, 2));
  Batch less(v1::EVENT_VIEW_FULL, {.events_max = 9, .bytes_max = two - 1});
  EXPECT_TRUE(less.Add(chunk, 0));
  EXPECT_FALSE(less.Add(chunk, 1));
  EXPECT_TRUE(less.full());
}

TEST(BatchTest, ASingleEventThatIsLargerFitsAlone) {
  const ChunkPtr chunk = MakeChunk(1, 2, 1000);
  Batch batch(v1::EVENT_VIEW_FULL, {.events_max = 9, .bytes_max = 10});
  EXPECT_TRUE(batch.Add(chunk, 0));
  EXPECT_TRUE(batch.full());
  EXPECT_FALSE(batch.Add(chunk, 1));
}

TEST(BatchTest, IsRightForAnyChoiceOfRecords) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    v1::SubscribeResponse expected;
    const bool basic = random() % 4 == 0;
    Batch batch(basic ? v1::EVENT_VIEW_BASIC : v1::EVENT_VIEW_FULL, kNoLimits);
    for (uint64_t c = 0; c < 4; ++c) {
      const size_t payload_size = random() % 2 == 0 ? 0 : random() % 5000;
      const ChunkPtr chunk = MakeChunk(100 * c + 1, 20, payload_size);
      const unsigned chance = random() % 4 + 1;
      for (size_t i = 0; i < 20; ++i) {
        if (random() % chance != 0) continue;
        batch.Add(chunk, i);
        v1::EnvelopeEvent* event = expected.add_events();
        *event = ParseEvent(*chunk, i);
        if (basic) event->clear_payload();
      }
    }
    expected.set_cursor("c");
    v1::SubscribeResponse trailer;
    trailer.set_cursor("c");
    ASSERT_TRUE(MessageDifferencer::Equals(
        ParseBytes<v1::SubscribeResponse>(
            std::move(batch).Finish(trailer.SerializeAsString())),
        expected));
  }
}

}  // namespace
}  // namespace enveloperelay
