// ChunkedBody: the pieces in which a body arrives make no difference, and what
// is taken for a whole body is one by a second reading.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/http/chunked_body.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

struct Decoded {
  absl::StatusCode code = absl::StatusCode::kOk;
  bool done = false;
  size_t taken = 0;
  std::string body = {};

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Gives the body to the decoder in pieces of `piece` bytes.
Decoded DecodeInPieces(std::string_view bytes, size_t bytes_max, size_t piece) {
  ChunkedBody decoder(bytes_max);
  Decoded decoded;
  while (decoded.taken < bytes.size() && !decoder.done()) {
    const std::string_view next = bytes.substr(decoded.taken, piece);
    const absl::StatusOr<size_t> taken = decoder.Decode(next);
    RELAY_CHECK(decoder.body().size() <= bytes_max);
    if (!taken.ok()) {
      // How far it came before the error is nobody's business.
      return {.code = taken.status().code()};
    }
    RELAY_CHECK(*taken == next.size() || decoder.done());
    decoded.taken += *taken;
  }
  decoded.done = decoder.done();
  decoded.body = decoder.body();
  return decoded;
}

// The whole body at the front of `bytes`, by RFC 9112, section 7.1, without
// trailers and without a limit; nothing if there is none.
std::optional<Decoded> DecodeSlowly(std::string_view bytes) {
  Decoded decoded{.done = true};
  const auto take_line = [&]() -> std::optional<std::string> {
    const size_t end = bytes.find("\r\n", decoded.taken);
    if (end == std::string_view::npos) return std::nullopt;
    std::string line(bytes.substr(decoded.taken, end - decoded.taken));
    decoded.taken = end + 2;
    return line;
  };
  while (true) {
    const std::optional<std::string> line = take_line();
    if (!line.has_value()) return std::nullopt;
    const std::string digits = line->substr(0, line->find(';'));
    if (digits.empty() || digits.find_first_not_of("0123456789abcdefABCDEF") !=
                              std::string::npos) {
      return std::nullopt;
    }
    // Larger than any input is as good as too large.
    const size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
    if (digits.size() - zeros > 8) return std::nullopt;
    const size_t size = std::stoull(digits, nullptr, 16);
    if (size == 0) {
      const std::optional<std::string> last = take_line();
      return last == "" ? std::optional(decoded) : std::nullopt;
    }
    if (bytes.size() - decoded.taken < size) return std::nullopt;
    decoded.body += bytes.substr(decoded.taken, size);
    decoded.taken += size;
    if (take_line() != "") return std::nullopt;
  }
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  testing::FuzzInput input(data, size);
  const size_t bytes_max = size_t{input.Byte()} * 16;
  const size_t piece = size_t{input.Byte()} + 1;
  const std::string_view bytes = input.Rest();

  const Decoded whole =
      DecodeInPieces(bytes, bytes_max, std::max<size_t>(bytes.size(), 1));
  RELAY_CHECK(DecodeInPieces(bytes, bytes_max, 1) == whole);
  RELAY_CHECK(DecodeInPieces(bytes, bytes_max, piece) == whole);
  if (whole.done) RELAY_CHECK(DecodeSlowly(bytes) == whole);
  return 0;
}
