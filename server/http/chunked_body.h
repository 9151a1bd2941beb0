#ifndef ENVELOPE_RELAY_SERVER_HTTP_CHUNKED_BODY_H_
#define ENVELOPE_RELAY_SERVER_HTTP_CHUNKED_BODY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace enveloperelay {

// Chunk extensions of one body together.
inline constexpr size_t kChunkExtensionBytesMax = 1024;
// Digits of the size of one chunk, zeros in front included.
inline constexpr size_t kChunkSizeDigitsMax = 16;

// Decodes a body in chunks (RFC 9112, section 7.1). Extensions are skipped up
// to their limit; trailers are refused, since nothing that a request says after
// its head may count. Each byte is judged when it comes: Beast's parser waits
// for line ends, which those who leave them out never send. Not thread-safe.
class ChunkedBody {
 public:
  // At most `bytes_max` bytes are decoded.
  explicit ChunkedBody(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes the next bytes of the connection and returns how many of them belong
  // to the body: all but what follows its end. Not to be called after an error.
  // Errors: kInvalidArgument (not a chunked body as this server takes it),
  // kOutOfRange (more than `bytes_max`).
  absl::StatusOr<size_t> Decode(std::string_view bytes);

  // The last chunk has been decoded.
  bool done() const { return state_ == State::kDone; }
  // What has been decoded.
  std::string& body() { return body_; }

 private:
  // What is to come next.
  enum class State : uint8_t {
    kSize,       // the first digit of a chunk's size
    kMoreSize,   // another digit, an extension or the end of the line
    kExtension,  // more of it, or the end of the line
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kLastCr,  // of the empty line after the last chunk
    kLastLf,
    kDone,
  };

  // Takes a byte that is not data.
  absl::Status Frame(char c);
  absl::Status AddDigit(char c);

  const size_t bytes_max_;
  State state_ = State::kSize;
  // Of the chunk at hand: its size as far as it is known, then what of it is
  // still to come.
  size_t left_ = 0;
  size_t size_digits_ = 0;
  size_t extension_bytes_ = 0;
  std::string body_;
};

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_CHUNKED_BODY_H_
