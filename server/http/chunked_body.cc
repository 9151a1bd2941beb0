#include "server/http/chunked_body.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"

namespace enveloperelay {
namespace {

absl::Status NotChunked() {
  return absl::InvalidArgumentError("the body is not in chunks as it must be");
}

}  // namespace

absl::StatusOr<size_t> ChunkedBody::Decode(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size() && !done()) {
    if (state_ == State::kData) {
      const size_t size = std::min(left_, bytes.size() - at);
      body_.append(bytes.substr(at, size));
      at += size;
      left_ -= size;
      if (left_ == 0) state_ = State::kDataCr;
    } else {
      const absl::Status status = Frame(bytes[at]);
      if (!status.ok()) return status;
      ++at;
    }
  }
  return at;
}

absl::Status ChunkedBody::Frame(char c) {
  const auto expect = [this, c](char expected, State next) {
    if (c != expected) return NotChunked();
    state_ = next;
    return absl::OkStatus();
  };
  switch (state_) {
    case State::kSize:
      left_ = 0;
      size_digits_ = 0;
      state_ = State::kMoreSize;
      return AddDigit(c);
    case State::kMoreSize:
      if (c == '\r') return expect('\r', State::kSizeLf);
      if (c != ';') return AddDigit(c);
      state_ = State::kExtension;
      [[fallthrough]];
    case State::kExtension:
      if (c == '\r') return expect('\r', State::kSizeLf);
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') {
        return NotChunked();
      }
      if (++extension_bytes_ > kChunkExtensionBytesMax) {
        return absl::InvalidArgumentError("the chunk extensions are too long");
      }
      return absl::OkStatus();
    case State::kSizeLf:
      return expect('\n', left_ > 0 ? State::kData : State::kLastCr);
    case State::kDataCr:
      return expect('\r', State::kDataLf);
    case State::kDataLf:
      return expect('\n', State::kSize);
    case State::kLastCr:
      if (c != '\r') return absl::InvalidArgumentError("the body has trailers");
      return expect('\r', State::kLastLf);
    case State::kLastLf:
      return expect('\n', State::kDone);
    case State::kData:
    case State::kDone:
      break;
  }
  return absl::InternalError("a byte of data was taken for framing");
}

absl::Status ChunkedBody::AddDigit(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (!absl::ascii_isxdigit(byte)) return NotChunked();
  if (++size_digits_ > kChunkSizeDigitsMax) {
    return absl::InvalidArgumentError("the size of a chunk is too long");
  }
  const auto digit = static_cast<size_t>(
      absl::ascii_isdigit(byte) ? c - '0'
                                : absl::ascii_tolower(byte) - 'a' + 10);
  // Never more than 16 times the limit, so it cannot overflow.
  left_ = left_ * 16 + digit;
  if (left_ > bytes_max_ - body_.size()) {
    return absl::OutOfRangeError("the chunks hold more than is allowed");
  }
  return absl::OkStatus();
}

}  // namespace enveloperelay
