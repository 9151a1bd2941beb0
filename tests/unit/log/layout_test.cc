#include "server/log/layout.h"

#include <cstddef>
#include <cstdint>
#include <optional>
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

// The value stored for a record of an event with this payload.
std::string StoredValue(const std::string& payload) {
  Chunk chunk;
  // Not at the beginning of its chunk.
  for (uint64_t i = 1; i <= 2; ++i) {
    AppendRecord(
        EncodeEvent(testing::MakeEvent({.event_id = "e", .payload = payload})),
        {LogId{1}, Sequence{i}}, 77, chunk);
  }
  const RecordRef& ref = chunk.records[1];
  return EncodeRecordHeader(ref, 5000).append(chunk.Frame(ref));
}

TEST(LayoutTest, AStoredRecordIsReadWithoutParsingItsEvent) {
  const std::string value = StoredValue(std::string(1000, 'p'));
  const std::optional<StoredRecord> record = DecodeRecord(Sequence{2}, value);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->position, (Position{.sequence = {2},
                                        .end_offset = 5000,
                                        .receive_time_micros = 77}));
  Chunk chunk;
  chunk.bytes = "something before";
  AppendStored(*record, chunk);
  const RecordRef& ref = chunk.records.at(0);
  EXPECT_EQ(chunk.Frame(ref), value.substr(kRecordHeaderSize));
  v1::EnvelopeEvent basic;
  ASSERT_TRUE(basic.ParseFromString(std::string(chunk.BasicEvent(ref))));
  EXPECT_EQ(basic.sequence(), 2);
  EXPECT_TRUE(basic.payload().empty());
}

TEST(LayoutTest, ARecordThatWasCutOrLengthenedIsNotRead) {
  const std::string value = StoredValue("payload");
  for (size_t size = 0; size < value.size(); ++size) {
    ASSERT_EQ(DecodeRecord(Sequence{2}, value.substr(0, size)), std::nullopt)
        << size;
  }
  EXPECT_EQ(DecodeRecord(Sequence{2}, value + "x"), std::nullopt);
}

TEST(LayoutTest, ARecordWhoseHeaderDoesNotFitIsNotRead) {
  const std::string value = StoredValue("payload");
  // The tag, the length, and the lowest bytes of both offsets.
  for (const size_t at :
       {kRecordHeaderSize, kRecordHeaderSize + 1, size_t{19}}) {
    std::string bad = value;
    ++bad[at];
    EXPECT_EQ(DecodeRecord(Sequence{2}, bad), std::nullopt) << at;
  }
  std::string bad = value;
  bad[22] = 1;
  EXPECT_EQ(DecodeRecord(Sequence{2}, bad), std::nullopt);
}

}  // namespace
}  // namespace enveloperelay
