#include "server/log/recent.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/event_log.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

constexpr ReadLimits kNoLimits{.events_max = SIZE_MAX, .bytes_max = SIZE_MAX};

// Records `first` to `last` of ten bytes each.
std::shared_ptr<const Chunk> MakeChunk(uint64_t first, uint64_t last) {
  auto chunk = std::make_shared<Chunk>();
  for (uint64_t i = first; i <= last; ++i) {
    const auto begin = static_cast<uint32_t>(chunk->bytes.size());
    chunk->bytes += std::string(10, 'x');
    chunk->records.push_back({.sequence = {i},
                              .begin = begin,
                              .event = begin,
                              .payload = begin,
                              .end = begin + 10});
  }
  return chunk;
}

TEST(RecentTest, ReadsAcrossChunks) {
  Recent recent(Sequence{10}, SIZE_MAX);
  recent.Add(MakeChunk(11, 13));
  recent.Add(MakeChunk(14, 14));
  recent.Add(MakeChunk(15, 19));
  const std::optional<LogRange> range =
      recent.Read(Sequence{11}, {.events_max = 5, .bytes_max = SIZE_MAX});
  ASSERT_TRUE(range.has_value());
  ASSERT_EQ(range->spans.size(), 3);
  EXPECT_EQ(range->spans[0].first, 1);
  EXPECT_EQ(range->spans[0].last, 3);
  EXPECT_EQ(range->spans[1].size(), 1);
  EXPECT_EQ(range->spans[2].last, 2);
  EXPECT_EQ(range->end, Sequence{16});
}

TEST(RecentTest, CountsBytesAcrossChunks) {
  Recent recent(Sequence{}, SIZE_MAX);
  recent.Add(MakeChunk(1, 2));
  recent.Add(MakeChunk(3, 6));
  const auto end = [&recent](size_t bytes_max) {
    return recent.Read({}, {.events_max = 100, .bytes_max = bytes_max})->end;
  };
  EXPECT_EQ(end(20), Sequence{2});
  EXPECT_EQ(end(29), Sequence{2});
  EXPECT_EQ(end(30), Sequence{3});
  EXPECT_EQ(end(60), Sequence{6});
}

TEST(RecentTest, HasNothingOfWhatCameBeforeIt) {
  Recent recent(Sequence{10}, SIZE_MAX);
  EXPECT_TRUE(recent.Read(Sequence{10}, kNoLimits)->spans.empty());
  EXPECT_EQ(recent.Read(Sequence{9}, kNoLimits), std::nullopt);
  recent.Add(MakeChunk(11, 12));
  EXPECT_EQ(recent.Read(Sequence{9}, kNoLimits), std::nullopt);
  EXPECT_EQ(recent.Read(Sequence{10}, kNoLimits)->end, Sequence{12});
}

TEST(RecentTest, ForgetsTheOldestChunksToStayWithinItsBytes) {
  Recent recent(Sequence{}, 4096);
  for (uint64_t i = 1; i <= 100; ++i) recent.Add(MakeChunk(i, i));
  EXPECT_EQ(recent.Read(Sequence{}, kNoLimits), std::nullopt);
  EXPECT_EQ(recent.Read(Sequence{50}, kNoLimits), std::nullopt);
  EXPECT_EQ(recent.Read(Sequence{95}, kNoLimits)->end, Sequence{100});
}

TEST(RecentTest, HoldsTheNewestChunkWhateverItsSize) {
  Recent recent(Sequence{}, 0);
  recent.Add(MakeChunk(1, 1));
  recent.Add(MakeChunk(2, 5));
  EXPECT_EQ(recent.Read(Sequence{}, kNoLimits), std::nullopt);
  EXPECT_EQ(recent.Read(Sequence{1}, kNoLimits)->end, Sequence{5});
}

TEST(RecentTest, ReadsNothingThatWasTrimmed) {
  Recent recent(Sequence{}, SIZE_MAX);
  recent.Add(MakeChunk(1, 3));
  recent.Add(MakeChunk(4, 6));
  recent.Trim(Sequence{5});
  EXPECT_EQ(recent.Read(Sequence{3}, kNoLimits), std::nullopt);
  EXPECT_EQ(recent.Read(Sequence{4}, kNoLimits)->end, Sequence{6});
}

TEST(RecentTest, IsAtItsEndWhenEverythingWasTrimmed) {
  Recent recent(Sequence{}, SIZE_MAX);
  recent.Add(MakeChunk(1, 3));
  recent.Trim(Sequence{4});
  EXPECT_EQ(recent.Read(Sequence{2}, kNoLimits), std::nullopt);
  EXPECT_TRUE(recent.Read(Sequence{3}, kNoLimits)->spans.empty());
  recent.Add(MakeChunk(4, 4));
  EXPECT_EQ(recent.Read(Sequence{3}, kNoLimits)->end, Sequence{4});
}

}  // namespace
}  // namespace enveloperelay
