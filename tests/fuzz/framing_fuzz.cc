// ParseHead: each prefix of the input is judged as the whole is, and a head
// that is accepted can be read in one way only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/check.h"
#include "server/http/framing.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

using Parsed = absl::StatusOr<std::optional<RequestHead>>;

bool IsSame(const RequestHead& a, const RequestHead& b) {
  return a.size == b.size && a.method == b.method && a.target == b.target &&
         a.minor_version == b.minor_version &&
         a.content_length == b.content_length && a.chunked == b.chunked &&
         a.expects_continue == b.expects_continue &&
         a.keep_alive == b.keep_alive && a.authorization == b.authorization &&
         a.content_type == b.content_type && a.traceparent == b.traceparent;
}

// The lines of a head, none of which may hold a control character.
std::vector<std::string> LinesOf(std::string_view head) {
  std::vector<std::string> lines;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    RELAY_CHECK(end != std::string_view::npos);
    lines.emplace_back(head.substr(0, end));
    RELAY_CHECK(std::ranges::all_of(lines.back(), [](unsigned char c) {
      return c == '\t' || (c >= 0x20 && c != 0x7F);
    }));
    head.remove_prefix(end + 2);
  }
  return lines;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool IsToken(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c < 0x7F &&
           std::string_view("\"(),/:;<=>?@[\\]{}").find(c) ==
               std::string_view::npos;
  });
}

// The fields by name, read again by the book.
std::multimap<std::string, std::string> FieldsOf(
    const std::vector<std::string>& lines) {
  std::multimap<std::string, std::string> fields;
  for (const std::string& line : lines) {
    const size_t colon = line.find(':');
    RELAY_CHECK(colon != std::string::npos);
    const std::string name = line.substr(0, colon);
    RELAY_CHECK(IsToken(name));
    fields.emplace(Lower(name), Trimmed(line.substr(colon + 1)));
  }
  return fields;
}

void CheckAccepted(const RequestHead& head, std::string_view bytes) {
  RELAY_CHECK(head.size <= bytes.size() && head.size <= kHeadBytesMax);
  bytes = bytes.substr(0, head.size);
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  std::vector<std::string> lines = LinesOf(bytes);
  RELAY_CHECK(lines.size() >= 2 && lines.back().empty());
  lines.pop_back();
  const std::string version =
      head.minor_version == 1 ? " HTTP/1.1" : " HTTP/1.0";
  RELAY_CHECK(lines.front() == std::string(head.method) + " " +
                                   std::string(head.target) + version);
  RELAY_CHECK(std::ranges::count(lines.front(), ' ') == 2);
  RELAY_CHECK(IsToken(std::string(head.method)));
  RELAY_CHECK(head.target.starts_with('/'));
  lines.erase(lines.begin());
  RELAY_CHECK(lines.size() <= kHeaderFieldsMax);

  const auto fields = FieldsOf(lines);
  const size_t hosts = fields.count("host");
  const size_t lengths = fields.count("content-length");
  const size_t codings = fields.count("transfer-encoding");
  RELAY_CHECK(hosts == 1 || (hosts == 0 && head.minor_version == 0));
  RELAY_CHECK(lengths + codings <= 1);
  RELAY_CHECK(head.content_length.has_value() == (lengths == 1));
  RELAY_CHECK(head.chunked == (codings == 1));
  if (head.chunked) {
    RELAY_CHECK(head.minor_version == 1);
    RELAY_CHECK(fields.find("transfer-encoding")->second == "chunked");
  }
  if (head.content_length.has_value()) {
    std::string digits = fields.find("content-length")->second;
    RELAY_CHECK(!digits.empty() &&
                digits.find_first_not_of("0123456789") == std::string::npos);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    RELAY_CHECK(*head.content_length == UINT64_MAX
                    ? digits >= "18446744073709551615" || digits.size() > 20
                    : digits == std::to_string(*head.content_length));
  }
  RELAY_CHECK(fields.count("authorization") <= 1);
  RELAY_CHECK(fields.count("content-type") <= 1);
}

// What the first `size` bytes give must agree with what all of them give.
void CheckPrefix(std::string_view bytes, size_t size, const Parsed& whole) {
  const Parsed part = ParseHead(bytes.substr(0, size));
  if (!part.ok()) {
    // What is wrong stays wrong.
    RELAY_CHECK(!whole.ok() && whole.status().code() == part.status().code());
  } else if (part->has_value()) {
    RELAY_CHECK(whole.ok() && whole->has_value() && IsSame(**part, **whole));
  } else {
    RELAY_CHECK(!whole.ok() || !whole->has_value() || size < (*whole)->size);
  }
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes = testing::FuzzInput(data, size).Rest();
  const Parsed whole = ParseHead(bytes);
  if (whole.ok() && whole->has_value()) CheckAccepted(**whole, bytes);
  if (!whole.ok()) {
    RELAY_CHECK(whole.status().code() == absl::StatusCode::kInvalidArgument ||
                whole.status().code() == absl::StatusCode::kUnimplemented);
  }
  // All of them, but in long inputs those beside line ends only.
  constexpr size_t kSizeMax = 256;
  for (size_t i = 0; i < size; ++i) {
    const bool near_line_end = bytes[i] == '\n' ||
                               (i > 0 && bytes[i - 1] == '\n') ||
                               (i + 1 < size && bytes[i + 1] == '\n');
    if (size <= kSizeMax || near_line_end) CheckPrefix(bytes, i, whole);
  }
  return 0;
}
