#include "server/signplus/event_id.h"

#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

// The constants come from Python:
//   parts = ["signplus", event.lower(), envelope_id, data_id, uid, file_name,
//            recipient_id, action.lower(), window]
//   h = hashlib.sha256(b"".join(len(p.encode()).to_bytes(4, "big") +
//                               p.encode() for p in parts)).digest()[:16]
//   n = int.from_bytes(h, "big")
//   n = n & ~(0xF << 76) | 8 << 76
//   n = n & ~(3 << 62) | 2 << 62
//   str(uuid.UUID(int=n))
constexpr char kDataId[] = "6697ccb204bd194fa74c22b4";
constexpr char kEnvelopeId[] = "6697e681c5e364c7c23710d4";
constexpr char kRecipientId[] = "6697cc22b4bd194facb20474";
constexpr char kUid[] = "4a6e29bfc5344ca6ad7cc8beda456481";

TEST(EventIdTest, HashesNineEmptyStringsButTheFirst) {
  EXPECT_EQ(MakeEventId({}), "e03caabc-db7f-82ff-96a9-b49af5a7d09e");
}

TEST(EventIdTest, HashesAnEventOfAnEnvelope) {
  EXPECT_EQ(MakeEventId({.event = "envelope_completed",
                         .envelope_id = kEnvelopeId,
                         .data_id = kDataId,
                         .uid = kUid,
                         .file_name = "dummy"}),
            "130dc28e-fb35-854c-97d7-80573c41c764");
}

TEST(EventIdTest, HashesAnActionWithItsWindowInAnyLetterCase) {
  constexpr char kExpected[] = "d0bf2da5-890c-8978-82dd-c780fb12ba20";
  EventIdentity identity = {.event = "ENVELOPE_AUDIT_TRAIL",
                            .envelope_id = kEnvelopeId,
                            .data_id = kDataId,
                            .uid = kUid,
                            .recipient_id = kRecipientId,
                            .action = "ENVELOPE_VIEWED",
                            .window = "2945538"};
  EXPECT_EQ(MakeEventId(identity), kExpected);
  identity.event = "envelope_audit_trail";
  identity.action = "Envelope_Viewed";
  EXPECT_EQ(MakeEventId(identity), kExpected);
}

TEST(EventIdTest, HashesUtf8AsBytes) {
  EXPECT_EQ(MakeEventId({.event = "envelope_completed",
                         .envelope_id = "e",
                         .data_id = "d",
                         .uid = "u",
                         .file_name = "Vertrag Zürich"}),
            "0c281651-a1fd-86ad-8687-6366a96bc9c1");
}

TEST(EventIdTest, DependsOnWhereOneStringEndsAndTheNextBegins) {
  EXPECT_NE(MakeEventId({.envelope_id = "ab", .data_id = "c"}),
            MakeEventId({.envelope_id = "a", .data_id = "bc"}));
}

}  // namespace
}  // namespace enveloperelay
