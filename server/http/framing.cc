#include "server/http/framing.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "server/base/text.h"

namespace enveloperelay {
namespace {

// Which of the 256 bytes may stand somewhere.
using ByteSet = std::array<bool, 256>;

constexpr ByteSet Bytes(unsigned first, unsigned last,
                        std::string_view more = "",
                        std::string_view less = "") {
  ByteSet set{};
  for (unsigned byte = first; byte <= last; ++byte) set.at(byte) = true;
  for (const char c : more) set.at(static_cast<unsigned char>(c)) = true;
  for (const char c : less) set.at(static_cast<unsigned char>(c)) = false;
  return set;
}

// RFC 9110, section 5.6.2.
constexpr ByteSet kToken = Bytes(0x21, 0x7E, "", "\"(),/:;<=>?@[\\]{}");
constexpr ByteSet kTarget = Bytes(0x21, 0x7E, "", "#");
// RFC 9110, section 5.5: text, obsolete text, space and tab.
constexpr ByteSet kValue = Bytes(0x20, 0xFF, "\t", "\x7F");
// RFC 3986, section 3.2.2, and the colon before a port.
constexpr ByteSet kHost = Bytes(0x21, 0x7E, "", "\"#/<>?@\\^`{|}");

bool Consists(std::string_view text, const ByteSet& of) {
  return std::ranges::all_of(
      text, [&of](char c) { return of[static_cast<unsigned char>(c)]; });
}

// `lower` is in lower case.
bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::ranges::equal(text, lower, [](char a, char b) {
           return absl::ascii_tolower(static_cast<unsigned char>(a)) == b;
         });
}

absl::Status Bad(const char* what) { return absl::InvalidArgumentError(what); }

// A field that a request has once at most, or it means two things.
struct SingleField {
  std::string_view name;
  std::string_view RequestHead::* value;
  const char* twice;
};

constexpr std::array<SingleField, 8> kSingleFields = {{
    {"authorization", &RequestHead::authorization, "two Authorization fields"},
    {"content-type", &RequestHead::content_type, "two Content-Type fields"},
    {"webhook-id", &RequestHead::webhook_id, "two webhook-id fields"},
    {"webhook-timestamp", &RequestHead::webhook_timestamp,
     "two webhook-timestamp fields"},
    {"webhook-signature", &RequestHead::webhook_signature,
     "two webhook-signature fields"},
    {"svix-id", &RequestHead::svix_id, "two svix-id fields"},
    {"svix-timestamp", &RequestHead::svix_timestamp,
     "two svix-timestamp fields"},
    {"svix-signature", &RequestHead::svix_signature,
     "two svix-signature fields"},
}};

// Hands out the lines of a head, one after the other.
class Lines {
 public:
  explicit Lines(std::string_view bytes) : bytes_(bytes) {}

  // Returns the next line without its end: nothing if it is not complete yet.
  absl::StatusOr<std::optional<std::string_view>> Next() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == at_ || bytes_[end - 1] != '\r') {
      return Bad("a line of the head ends with LF alone");
    }
    const std::string_view line = bytes_.substr(at_, end - 1 - at_);
    at_ = end + 1;
    return line;
  }

  void Skip(size_t size) { at_ += size; }
  size_t at() const { return at_; }
  size_t rest() const { return bytes_.size() - at_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// Takes in the lines of one head and then judges the whole.
class HeadReader {
 public:
  absl::Status RequestLine(std::string_view line);
  absl::Status FieldLine(std::string_view line);
  absl::StatusOr<RequestHead> Finish(size_t size);

 private:
  absl::Status Field(std::string_view name, std::string_view value);
  absl::Status Single(std::string_view name, std::string_view value);
  absl::Status ContentLength(std::string_view value);
  absl::Status Host(std::string_view value);
  absl::Status TransferEncoding(std::string_view value);
  void Connection(std::string_view value);

  RequestHead head_;
  size_t fields_ = 0;
  size_t hosts_ = 0;
  size_t traceparents_ = 0;
  // By the place in kSingleFields.
  std::array<bool, kSingleFields.size()> singles_{};
  bool has_transfer_encoding_ = false;
  bool connection_close_ = false;
  bool connection_keep_alive_ = false;
};

absl::Status HeadReader::RequestLine(std::string_view line) {
  if (line.size() > kRequestLineBytesMax) {
    return Bad("the request line is too long");
  }
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end) {
    return Bad("the request line must be METHOD SP TARGET SP VERSION");
  }
  head_.method = line.substr(0, method_end);
  head_.target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Bad("the version must be HTTP/1.1 or HTTP/1.0");
  }
  head_.minor_version = version.back() - '0';
  if (head_.method.empty() || !Consists(head_.method, kToken)) {
    return Bad("the method is not a token");
  }
  if (!head_.target.starts_with('/') || !Consists(head_.target, kTarget)) {
    return Bad("the target must be a path");
  }
  return absl::OkStatus();
}

absl::Status HeadReader::FieldLine(std::string_view line) {
  if (++fields_ > kHeaderFieldsMax) {
    return Bad("more than 64 header fields");
  }
  if (line.front() == ' ' || line.front() == '\t') {
    return Bad("a header line is folded");
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return Bad("a header line has no colon");
  }
  const std::string_view name = line.substr(0, colon);
  if (name.empty() || !Consists(name, kToken)) {
    return Bad("the name of a header field is not a token");
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!Consists(value, kValue)) {
    return Bad("a header field has a control character");
  }
  return Field(name, value);
}

absl::Status HeadReader::Field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (EqualsIgnoringCase(name, "host")) return Host(value);
      break;
    case 6:
      // HTTP/1.0 does not know it (RFC 9110, section 10.1.1).
      if (EqualsIgnoringCase(name, "expect")) {
        head_.expects_continue = head_.minor_version == 1 &&
                                 EqualsIgnoringCase(value, "100-continue");
      }
      break;
    case 10:
      if (EqualsIgnoringCase(name, "connection")) Connection(value);
      break;
    case 11:
      if (EqualsIgnoringCase(name, "traceparent")) {
        // Two are as good as none (W3C Trace Context, section 3.2.1).
        head_.traceparent = ++traceparents_ == 1 ? value : std::string_view();
      }
      break;
    case 14:
      if (EqualsIgnoringCase(name, "content-length")) {
        return ContentLength(value);
      }
      break;
    case 15:
      if (EqualsIgnoringCase(name, "x-forwarded-for")) {
        head_.forwarded_for.push_back(value);
      }
      break;
    case 17:
      if (EqualsIgnoringCase(name, "transfer-encoding")) {
        return TransferEncoding(value);
      }
      break;
    default:
      break;
  }
  return Single(name, value);
}

absl::Status HeadReader::Single(std::string_view name, std::string_view value) {
  for (size_t i = 0; i < kSingleFields.size(); ++i) {
    const auto& field = kSingleFields.at(i);
    if (!EqualsIgnoringCase(name, field.name)) continue;
    if (singles_.at(i)) return Bad(field.twice);
    singles_.at(i) = true;
    head_.*field.value = value;
    break;
  }
  return absl::OkStatus();
}

absl::Status HeadReader::Host(std::string_view value) {
  if (++hosts_ > 1) return Bad("two Host fields");
  if (!Consists(value, kHost)) return Bad("the Host field is not a host");
  return absl::OkStatus();
}

absl::Status HeadReader::ContentLength(std::string_view value) {
  if (head_.content_length.has_value()) {
    return Bad("two Content-Length fields");
  }
  if (value.empty() || !std::ranges::all_of(value, absl::ascii_isdigit)) {
    return Bad("the Content-Length is not a number");
  }
  // A number too large to hold is too large for any limit.
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  uint64_t length = 0;
  for (const char c : value) {
    const auto digit = static_cast<uint64_t>(c - '0');
    length = length > (kMax - digit) / 10 ? kMax : length * 10 + digit;
  }
  head_.content_length = length;
  return absl::OkStatus();
}

absl::Status HeadReader::TransferEncoding(std::string_view value) {
  // A second field would extend the list of codings.
  head_.chunked = value == "chunked" && !has_transfer_encoding_;
  has_transfer_encoding_ = true;
  return absl::OkStatus();
}

void HeadReader::Connection(std::string_view value) {
  while (true) {
    const size_t comma = value.find(',');
    const std::string_view option = Trim(value.substr(0, comma));
    if (EqualsIgnoringCase(option, "close")) connection_close_ = true;
    if (EqualsIgnoringCase(option, "keep-alive")) connection_keep_alive_ = true;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

absl::StatusOr<RequestHead> HeadReader::Finish(size_t size) {
  if (head_.minor_version == 1 && hosts_ == 0) {
    return Bad("HTTP/1.1 without a Host field");
  }
  if (has_transfer_encoding_) {
    if (head_.minor_version == 0) {
      return Bad("HTTP/1.0 with a Transfer-Encoding field");
    }
    if (head_.content_length.has_value()) {
      return Bad("both Transfer-Encoding and Content-Length");
    }
    if (!head_.chunked) {
      return absl::UnimplementedError(
          "the only transfer coding understood is \"chunked\"");
    }
  }
  head_.size = size;
  head_.keep_alive = !connection_close_ &&
                     (head_.minor_version == 1 || connection_keep_alive_);
  return head_;
}

}  // namespace

absl::StatusOr<std::optional<RequestHead>> ParseHead(std::string_view bytes) {
  // Whoever begins otherwise, with TLS for one, may never end a line.
  if (!bytes.empty() && bytes.front() != '\r' &&
      !Consists(bytes.substr(0, 1), kToken)) {
    return Bad("a request begins with its method");
  }
  Lines lines(bytes);
  if (bytes.starts_with("\r\n")) lines.Skip(2);
  HeadReader reader;
  const auto request_line = lines.Next();
  if (!request_line.ok()) return request_line.status();
  if (!request_line->has_value()) {
    if (lines.rest() > kRequestLineBytesMax + 1) {
      return Bad("the request line is too long");
    }
    return std::nullopt;
  }
  absl::Status status = reader.RequestLine(**request_line);
  if (!status.ok()) return status;

  const size_t fields_begin = lines.at();
  while (true) {
    const auto line = lines.Next();
    if (!line.ok()) return line.status();
    const bool complete = line->has_value();
    if (complete && (*line)->empty()) break;
    // What is not complete may be the CR of the empty line at the end.
    const size_t field_bytes =
        lines.at() - fields_begin + (complete ? 0 : lines.rest());
    if (field_bytes > kHeaderBytesMax + (complete ? 0 : 1)) {
      return Bad("more than 8 KiB of header fields");
    }
    if (!complete) return std::nullopt;
    status = reader.FieldLine(**line);
    if (!status.ok()) return status;
  }
  return reader.Finish(lines.at());
}

}  // namespace enveloperelay
