#include "server/log/cursor.h"

#include <cstddef>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/log/sequence.h"

namespace enveloperelay {
namespace {

constexpr char kAlphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

TEST(CursorTest, HasItsDocumentedForm) {
  // Made with Python: base64, struct and a bitwise CRC-32C.
  EXPECT_EQ(EncodeCursor({LogId{0x0123456789abcdef}, Sequence{42}}),
            "AQEjRWeJq83vAAAAAAAAACq4D7Rq");
}

TEST(CursorTest, ComesBackAsItWas) {
  std::mt19937_64 random(20240131);
  for (int i = 0; i < 1000; ++i) {
    const Cursor cursor{LogId{random()}, Sequence{random()}};
    const std::string text = EncodeCursor(cursor);
    ASSERT_EQ(text.size(), kCursorSize);
    ASSERT_EQ(text.find_first_not_of(kAlphabet), std::string::npos);
    ASSERT_EQ(DecodeCursor(text).value(), cursor);
  }
}

TEST(CursorTest, RefusesEveryChangeOfOneCharacter) {
  const std::string good =
      EncodeCursor({LogId{0xfedcba9876543210}, Sequence{1234567}});
  for (size_t at = 0; at < good.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string bad = good;
      bad[at] = static_cast<char>(c);
      if (bad == good) continue;
      ASSERT_EQ(DecodeCursor(bad).status().code(),
                absl::StatusCode::kInvalidArgument)
          << "character " << at << " as " << c;
    }
  }
}

TEST(CursorTest, RefusesOtherLengths) {
  const std::string good = EncodeCursor({LogId{1}, Sequence{2}});
  for (const std::string& bad :
       {std::string(), good.substr(1), good.substr(0, 27), good + "A",
        good + "=", good + "\n", good + good}) {
    EXPECT_EQ(DecodeCursor(bad).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(CursorTest, RefusesAnotherVersion) {
  // Version 2 with right check digits.
  EXPECT_EQ(DecodeCursor("AgEjRWeJq83vAAAAAAAAACpYItCL").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LogIdTest, PrintsSixteenHexadecimalDigits) {
  EXPECT_EQ(LogId{0xabc}.ToString(), "0000000000000abc");
}

}  // namespace
}  // namespace enveloperelay
