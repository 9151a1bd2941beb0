#include "server/log/layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "server/log/chunk.h"
#include "server/log/cursor.h"
#include "server/log/record.h"
#include "server/log/sequence.h"
#include "tests/support/append.h"

namespace enveloperelay {
namespace {

using std::string_literals::operator""s;

TEST(LayoutTest, SequencesSortByNumber) {
  EXPECT_EQ(EncodeSequence(Sequence{0x0102030405060708}),
            "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_LT(EncodeSequence(Sequence{255}), EncodeSequence(Sequence{256}));
  EXPECT_EQ(DecodeSequence(EncodeSequence(Sequence{UINT64_MAX})),
            Sequence{UINT64_MAX});
  EXPECT_EQ(DecodeSequence("1234567"), std::nullopt);
  EXPECT_EQ(DecodeSequence("123456789"), std::nullopt);
}

TEST(LayoutTest, APositionComesBackAsItWas) {
  const Position position{.sequence = {7},
                          .end_offset = uint64_t{1} << 40,
                          .receive_time_micros = -5};
  EXPECT_EQ(DecodePosition(EncodePosition(position)), position);
  EXPECT_EQ(DecodePosition(EncodePosition(Position{})), Position{});
  EXPECT_EQ(DecodePosition("short"), std::nullopt);
}

TEST(LayoutTest, AUuidIsKeptAsItsSixteenBytes) {
  EXPECT_EQ(EventIdKey("00112233-4455-8677-8899-aabbccddeeff"),
            "\x01\x00\x11\x22\x33\x44\x55\x86\x77\x88\x99\xaa\xbb\xcc\xdd\xee"
            "\xff"s);
}

TEST(LayoutTest, EveryOtherEventIdIsKeptAsItIs) {
  for (const std::string_view id :
       {"", "x", "00112233-4455-8677-8899-AABBCCDDEEFF",
        "00112233445586778899aabbccddeeff",
        "00112233-4455-8677-8899-aabbccddeefg",
        "001122334-455-8677-8899-aabbccddeeff",
        "00112233-4455-8677-8899-aabbccddeeff0"}) {
    EXPECT_EQ(EventIdKey(id), "\x00"s.append(id));
  }
}

TEST(LayoutTest, EventsOfAnEnvelopeStandTogetherInOrder) {
  const std::vector<std::string> sorted = {
      EnvelopeKey("", Sequence{9}), EnvelopeKey("a", Sequence{1}),
      EnvelopeKey("a", Sequence{256}), EnvelopeKey("b", Sequence{2}),
      EnvelopeKey("aa", Sequence{3})};
  for (size_t i = 1; i < sorted.size(); ++i)
    EXPECT_LT(sorted[i - 1], sorted[i]);
  EXPECT_TRUE(sorted[2].starts_with(EnvelopePrefix("a")));
  EXPECT_FALSE(sorted[4].starts_with(EnvelopePrefix("a")));
  EXPECT_EQ(EnvelopeKeySequence(sorted[2]), Sequence{256});
  EXPECT_EQ(EnvelopeKeySequence("short"), std::nullopt);
}

// As a group is stored.
struct KeyAndValue {
  std::string key;
  std::string value;
};

constexpr uint64_t kBeginOffset = 5000;

// The group of records 2 and so on of a chunk whose events have `payloads`,
// received at 77, 78 and so on.
KeyAndValue StoredAfterTheFirst(const std::vector<std::string>& payloads) {
  Chunk chunk;
  int64_t receive_time_micros = 76;
  for (const std::string& payload : payloads) {
    const Sequence sequence{chunk.records.size() + 1};
    AppendRecord(
        EncodeEvent(testing::MakeEvent({.event_id = "e", .payload = payload})),
        {LogId{1}, sequence}, receive_time_micros++, chunk);
  }
  const auto group = std::span(chunk.records).subspan(1);
  return {.key = EncodeGroupKey(group.back().sequence,
                                static_cast<uint32_t>(group.size())),
          .value = EncodeGroupHeaders(group, kBeginOffset)
                       .append(chunk.bytes, group.front().begin)};
}

// All records of a group; nothing where one of them is not whole.
std::optional<std::vector<StoredRecord>> Records(const KeyAndValue& stored) {
  const std::optional<StoredGroup> group =
      StoredGroup::Decode(stored.key, stored.value);
  if (!group.has_value()) return std::nullopt;
  std::vector<StoredRecord> records;
  for (Sequence at = group->first(); at <= group->last(); at = at.Next()) {
    const std::optional<StoredRecord> record = group->Record(at);
    if (!record.has_value()) return std::nullopt;
    records.push_back(*record);
  }
  return records;
}

TEST(LayoutTest, AGroupOfOneHasItsSequenceForAKey) {
  const KeyAndValue stored = StoredAfterTheFirst({"a", "payload"});
  EXPECT_EQ(stored.key, EncodeSequence(Sequence{2}));
  EXPECT_EQ(GroupKeyLast(stored.key), Sequence{2});
  const std::optional<std::vector<StoredRecord>> records = Records(stored);
  ASSERT_TRUE(records.has_value());
  ASSERT_EQ(records->size(), 1);
  EXPECT_EQ(records->front().frame, stored.value.substr(kRecordHeaderSize));
  EXPECT_EQ(records->front().position,
            (Position{.sequence = {2},
                      .end_offset = kBeginOffset + stored.value.size() -
                                    kRecordHeaderSize,
                      .receive_time_micros = 77}));
}

TEST(LayoutTest, GroupsSortByTheirLastSequence) {
  EXPECT_LT(EncodeGroupKey(Sequence{7}, 1), EncodeGroupKey(Sequence{9}, 2));
  EXPECT_LT(EncodeGroupKey(Sequence{255}, 9), EncodeGroupKey(Sequence{256}, 1));
  // Where a search for one of its sequences ends.
  EXPECT_LT(EncodeSequence(Sequence{9}), EncodeGroupKey(Sequence{9}, 2));
  EXPECT_LT(EncodeGroupKey(Sequence{9}, 2), EncodeSequence(Sequence{10}));
  EXPECT_EQ(GroupKeyLast(EncodeGroupKey(Sequence{9}, 2)), Sequence{9});
  EXPECT_EQ(GroupKeyLast("short"), std::nullopt);
}

TEST(LayoutTest, AGroupIsReadWithoutParsingItsEvents) {
  const KeyAndValue stored = StoredAfterTheFirst(
      {"first", std::string(1000, 'p'), "", std::string(70, 'q')});
  const std::optional<StoredGroup> group =
      StoredGroup::Decode(stored.key, stored.value);
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->first(), Sequence{2});
  EXPECT_EQ(group->last(), Sequence{4});
  EXPECT_FALSE(group->Holds(Sequence{1}));
  EXPECT_TRUE(group->Holds(Sequence{3}));
  EXPECT_FALSE(group->Holds(Sequence{5}));

  Chunk chunk;
  chunk.bytes = "something before";
  uint64_t end_offset = kBeginOffset;
  for (uint64_t i = 2; i <= 4; ++i) {
    const std::optional<StoredRecord> record = group->Record(Sequence{i});
    ASSERT_TRUE(record.has_value()) << i;
    end_offset += record->frame.size();
    EXPECT_EQ(record->position.end_offset, end_offset);
    EXPECT_EQ(record->position.receive_time_micros, 75 + int64_t(i));
    AppendStored(*record, chunk);
    const RecordRef& ref = chunk.records.back();
    v1::EnvelopeEvent event;
    v1::EnvelopeEvent basic;
    ASSERT_TRUE(event.ParseFromString(std::string(chunk.Event(ref))));
    ASSERT_TRUE(basic.ParseFromString(std::string(chunk.BasicEvent(ref))));
    EXPECT_EQ(event.sequence(), i);
    EXPECT_EQ(event.payload().size(), (std::array{1000, 0, 70})[i - 2]);
    EXPECT_TRUE(basic.payload().empty());
  }
}

TEST(LayoutTest, AGroupThatWasCutOrLengthenedIsNotRead) {
  for (const KeyAndValue& stored :
       {StoredAfterTheFirst({"first", "payload"}),
        StoredAfterTheFirst({"first", "payload", "another"})}) {
    ASSERT_TRUE(Records(stored).has_value());
    for (size_t size = 0; size < stored.value.size(); ++size) {
      ASSERT_EQ(Records({stored.key, stored.value.substr(0, size)}),
                std::nullopt)
          << size;
    }
    EXPECT_EQ(Records({stored.key, stored.value + "x"}), std::nullopt);
  }
}

TEST(LayoutTest, AGroupWhoseKeyCountsOtherwiseIsNotRead) {
  const KeyAndValue stored = StoredAfterTheFirst({"first", "one", "two"});
  for (const uint32_t count : {0U, 1U, 3U, 4U, UINT32_MAX}) {
    std::string key = EncodeSequence(Sequence{3});
    for (const int shift : {24, 16, 8, 0}) {
      key.push_back(static_cast<char>(count >> shift));
    }
    EXPECT_EQ(Records({key, stored.value}), std::nullopt) << count;
  }
  EXPECT_EQ(Records({"short", stored.value}), std::nullopt);
}

TEST(LayoutTest, ARecordWhoseHeaderDoesNotFitIsNotRead) {
  const KeyAndValue one = StoredAfterTheFirst({"first", "payload"});
  // The tag, the length, and the lowest bytes of both offsets.
  for (const size_t at :
       {kRecordHeaderSize, kRecordHeaderSize + 1, size_t{19}}) {
    KeyAndValue bad = one;
    ++bad.value[at];
    EXPECT_EQ(Records(bad), std::nullopt) << at;
  }
  KeyAndValue bad = one;
  bad.value[22] = 1;
  EXPECT_EQ(Records(bad), std::nullopt);
  // Ends that do not rise, and one past all frames.
  const KeyAndValue two = StoredAfterTheFirst({"first", "one", "two"});
  for (const size_t at : {size_t{0}, size_t{7}, kRecordHeaderSize + 7}) {
    bad = two;
    ++bad.value[at];
    EXPECT_EQ(Records(bad), std::nullopt) << at;
  }
}

}  // namespace
}  // namespace enveloperelay
