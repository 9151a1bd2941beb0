#include "tests/integration/hostile_bytes/mutation.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace enveloperelay::testing {
namespace {

using std::string_view_literals::operator""sv;

// What means something to a reader of HTTP or JSON.
constexpr std::string_view kWords[] = {
    "\r\n"sv,
    "\n"sv,
    "\r\n\r\n"sv,
    "\0"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    "HTTP/1.0"sv,
    "HTTP/2.0"sv,
    "GET "sv,
    "Content-Length: 5\r\n"sv,
    "Content-Length: 18446744073709551616\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "Expect: 100-continue\r\n"sv,
    "Connection: close\r\n"sv,
    "Host: other\r\n"sv,
    "X: y\r\n z\r\n"sv,
    "0\r\n\r\n"sv,
    "ffffffffffffffff\r\n"sv,
    "{"sv,
    "}"sv,
    "["sv,
    "\""sv,
    "\\"sv,
    "\\ud800"sv,
    "\\u0000"sv,
    "null"sv,
    "1e999"sv,
    "\xff"sv,
    "\xc0\xaf"sv,
    "\xed\xa0\x80"sv,
    "\"hook\":"sv,
    "\"data\":"sv,
};

// Larger ones would measure the machine.
constexpr size_t kBytesMax = size_t{64} * 1024;

}  // namespace

HostileRequest RequestMaker::Next() {
  const std::string body = Body();
  const std::string length =
      absl::StrCat("Content-Length: ", body.size(), "\r\n");
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  switch (Below(10)) {
    case 0:  // the head alone
    case 1:
    case 2:
      return {.bytes = Mutate(Head(length)) + body};
    case 3:  // the chunks
      return {.bytes = Head(chunked) + Mutate(Chunked(body))};
    case 4:  // anything
      return {.bytes = Mutate(Mutate(Head(length) + body))};
    case 5: {  // noise
      std::string noise(1 + Below(200), '\0');
      std::ranges::generate(noise, [this] { return AnyByte(); });
      return {.bytes = noise};
    }
    case 6:  // the body, in chunks
      return {.bytes = Head(chunked) + Chunked(Mutate(body)), .framed = true};
    default: {  // the body
      const std::string mutated = Mutate(body);
      return {.bytes = Head(absl::StrCat("Content-Length: ", mutated.size(),
                                         "\r\n")) +
                       mutated,
              .framed = true};
    }
  }
}

std::string RequestMaker::Head(std::string_view length_fields) const {
  return absl::StrCat("POST ", target_,
                      " HTTP/1.1\r\nHost: relay.example\r\n"
                      "Content-Type: application/json\r\n",
                      std::string(length_fields), "\r\n");
}

std::string RequestMaker::Chunked(std::string_view body) {
  std::string chunks;
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, 1 + Below(body.size()));
    absl::StrAppend(&chunks, absl::Hex(chunk.size()), "\r\n",
                    std::string(chunk), "\r\n");
    body.remove_prefix(chunk.size());
  }
  return chunks + "0\r\n\r\n";
}

std::string RequestMaker::Mutate(std::string text) {
  // One change of two is the only one: it gets further in.
  MutateOnce(text);
  for (size_t left = Below(2) * Below(8); left > 0; --left) MutateOnce(text);
  return text;
}

void RequestMaker::MutateOnce(std::string& text) {
  if (text.empty() || text.size() > kBytesMax) {
    text.assign(1, AnyByte());
    return;
  }
  const size_t at = Below(text.size());
  const size_t size = 1 + Below(std::min<size_t>(text.size() - at, 40));
  switch (Below(8)) {
    case 0:
      text[at] = AnyByte();
      break;
    case 1:
      text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
      break;
    case 2:
      text.erase(at, size);
      break;
    case 3:
      text.insert(at, 1, AnyByte());
      break;
    case 4:  // again, elsewhere
      text.insert(Below(text.size()), text.substr(at, size));
      break;
    case 5: {  // many times
      const std::string part = text.substr(at, size);
      for (size_t i = Below(100); i > 0; --i) text.insert(at, part);
      break;
    }
    case 6:
      text.resize(at);
      break;
    default:
      text.insert(at, kWords[Below(std::size(kWords))]);
      break;
  }
}

}  // namespace enveloperelay::testing
