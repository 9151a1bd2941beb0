#include "server/stream/wire.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::wire {
namespace {

TEST(WireTest, AHeaderFramesAMessageAsAField) {
  for (const size_t length : {0u, 1u, 127u, 128u, 16383u, 16384u, 3000000u}) {
    v1::GetEventResponse response;
    response.mutable_event()->set_payload(std::string(length, 'p'));
    const std::string event = response.event().SerializeAsString();
    std::string framed;
    AppendHeader(v1::GetEventResponse::kEventFieldNumber, event.size(), framed);
    EXPECT_EQ(framed.size(), HeaderSize(1, event.size()));
    EXPECT_EQ(framed + event, response.SerializeAsString());
  }
}

TEST(WireTest, AHeaderOfAHighFieldNumberHasALongerTag) {
  std::string header;
  AppendHeader(99, 3, header);
  EXPECT_EQ(header, "\x9a\x06\x03");
  EXPECT_EQ(HeaderSize(99, 3), 3);
}

TEST(FieldReaderTest, WalksTheFieldsOfAMessage) {
  v1::EnvelopeEvent event;
  event.set_event_id("id");
  event.set_sequence(UINT64_MAX);
  event.set_type(v1::EVENT_TYPE_ENVELOPE_VOIDED);
  event.set_payload("body");
  const std::string bytes = event.SerializeAsString();

  FieldReader reader(bytes);
  std::optional<Field> field = reader.Next();
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->number, 1);
  EXPECT_EQ(field->bytes, "id");
  field = reader.Next();
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->number, 2);
  EXPECT_EQ(field->varint, UINT64_MAX);
  field = reader.Next();
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->number, 4);
  EXPECT_EQ(field->varint, 4);
  field = reader.Next();
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->number, 99);
  EXPECT_EQ(field->bytes, "body");
  EXPECT_FALSE(reader.Next().has_value());
}

TEST(FieldReaderTest, StepsOverFixedWidthFields) {
  // Field 1 as 8 bytes, field 2 as 4, field 3 as a varint.
  const std::string bytes(
      "\x09"
      "12345678"
      "\x15"
      "abcd"
      "\x18\x05");
  FieldReader reader(bytes);
  EXPECT_EQ(reader.Next()->bytes, "12345678");
  EXPECT_EQ(reader.Next()->bytes, "abcd");
  EXPECT_EQ(reader.Next()->varint, 5);
  EXPECT_FALSE(reader.Next().has_value());
}

TEST(FieldReaderTest, StopsWhereTheBytesAreNoMessage) {
  for (const std::string_view bytes :
       {"\x08", "\x08\x80",
        "\x0a\x05"
        "1234",
        "\x09"
        "1234567",
        "\x0b", "\x80", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}) {
    EXPECT_FALSE(FieldReader(bytes).Next().has_value());
  }
}

}  // namespace
}  // namespace enveloperelay::wire
