#include "server/http/chunked_body.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace enveloperelay {
namespace {

struct Decoded {
  absl::Status status = absl::OkStatus();
  std::string body = {};
  // Behind the body.
  std::string rest = {};
  bool done = false;
};

// Hands `bytes` over in pieces of `step`, as if they arrived so.
Decoded Decode(std::string_view bytes, size_t step, size_t bytes_max = 1024) {
  ChunkedBody chunks(bytes_max);
  while (!bytes.empty() && !chunks.done()) {
    const std::string_view piece = bytes.substr(0, step);
    const absl::StatusOr<size_t> taken = chunks.Decode(piece);
    if (!taken.ok()) return {.status = taken.status()};
    EXPECT_TRUE(*taken == piece.size() || chunks.done());
    bytes.remove_prefix(*taken);
  }
  return {
      .body = chunks.body(), .rest = std::string(bytes), .done = chunks.done()};
}

TEST(ChunkedBodyTest, DecodesHoweverTheBytesArrive) {
  const std::string bytes =
      "5\r\nhello\r\nA;x=1;y=\"z\"\r\n, world!!!\r\n1\r\n\n\r\n000\r\n\r\nPOST";
  for (size_t step = 1; step <= bytes.size(); ++step) {
    const Decoded decoded = Decode(bytes, step);
    EXPECT_TRUE(decoded.done) << decoded.status;
    EXPECT_EQ(decoded.body, "hello, world!!!\n");
    EXPECT_EQ(decoded.rest, "POST");
  }
}

TEST(ChunkedBodyTest, DecodesAnEmptyBody) {
  const Decoded decoded = Decode("0\r\n\r\n", 100);
  EXPECT_TRUE(decoded.done);
  EXPECT_EQ(decoded.body, "");
}

TEST(ChunkedBodyTest, LimitsTheZerosInFrontOfASize) {
  const std::string zeros(kChunkSizeDigitsMax - 1, '0');
  EXPECT_EQ(Decode(zeros + "1\r\na\r\n0\r\n\r\n", 100).body, "a");
  // Each size has its own.
  EXPECT_TRUE(Decode(zeros + "1\r\na\r\n" + zeros + "0\r\n\r\n", 100).done);
  EXPECT_EQ(Decode(zeros + "00", 100).status.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ChunkedBodyTest, WantsMoreUntilTheLastChunk) {
  EXPECT_FALSE(Decode("5\r\nhello\r\n0\r\n\r", 100).done);
}

TEST(ChunkedBodyTest, LimitsTheBodyBeforeItHasArrived) {
  EXPECT_TRUE(Decode("4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n", 100, 8).done);
  EXPECT_EQ(Decode("4\r\nabcd\r\n5\r\n", 100, 8).status.code(),
            absl::StatusCode::kOutOfRange);
  for (const char* const huge :
       {"9", "ffffffffffffffff", "10000000000000001"}) {
    EXPECT_EQ(Decode(huge, 100, 8).status.code(),
              absl::StatusCode::kOutOfRange);
  }
}

TEST(ChunkedBodyTest, RefusesTrailers) {
  for (const char* const trailer :
       {"X: y", "Authorization: Bearer x", "Content-Length: 3", "nonsense"}) {
    const std::string bytes =
        "1\r\na\r\n0\r\n" + std::string(trailer) + "\r\n\r\n";
    EXPECT_EQ(Decode(bytes, 1).status.code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Decode(bytes, 1000).status.code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Decode("0\r\nX: " + std::string(kChunkExtensionBytesMax, 'y'), 7)
                .status.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ChunkedBodyTest, LimitsExtensions) {
  const std::string half = ";" + std::string(kChunkExtensionBytesMax / 2, 'x');
  EXPECT_TRUE(Decode("1" + half + "\r\na\r\n0\r\n\r\n", 100).done);
  for (const std::string& bytes : std::vector<std::string>{
           "1" + half + half + "\r\na\r\n0\r\n\r\n",
           "1" + half + "\r\na\r\n1" + half + "\r\na\r\n0\r\n\r\n",
           "1" + half + "\r\na\r\n0" + half + "\r\n\r\n",
           "1;" + std::string(20'000, 'x'),
           "0;" + std::string(20'000, 'x'),
       }) {
    EXPECT_EQ(Decode(bytes, 100).status.code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ChunkedBodyTest, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string& bytes : std::vector<std::string>{
           "\r\n1\r\na\r\n0\r\n\r\n",
           "1\na\n0\n\n",
           "1\r\na\n0\r\n\r\n",
           "1\na\r\n0\r\n\r\n",
           "1\r\nab\r\n0\r\n\r\n",
           "2\r\na\r\n0\r\n\r\n",
           "0x1\r\na\r\n0\r\n\r\n",
           "+1\r\na\r\n0\r\n\r\n",
           "-1\r\na\r\n0\r\n\r\n",
           " 1\r\na\r\n0\r\n\r\n",
           "1\t\n\r\na\r\n0\r\n\r\n",
           "1 1\r\na\r\n0\r\n\r\n",
           "g\r\na\r\n0\r\n\r\n",
           "\r\n\r\n",
           ";x\r\na\r\n0\r\n\r\n",
           "1;\x01\r\na\r\n0\r\n\r\n",
           "1;x\n=y\r\na\r\n0\r\n\r\n",
           "1\r\na0\r\n\r\n",
           "00000000000000000000000000000000g\r\n",
           "1\r\na\r\n0\r\nx\r\n\r\n",
       }) {
    for (const size_t step : {size_t{1}, bytes.size()}) {
      const Decoded decoded = Decode(bytes, step);
      EXPECT_EQ(decoded.status.code(), absl::StatusCode::kInvalidArgument)
          << absl::CEscape(bytes) << " " << step << " " << decoded.done;
    }
  }
}

}  // namespace
}  // namespace enveloperelay
