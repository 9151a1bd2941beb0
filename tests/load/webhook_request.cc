#include "tests/load/webhook_request.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_format.h"

namespace enveloperelay::load {
namespace {

constexpr size_t kSeriesSize = 8;
constexpr std::string_view kNoEnvelope = "000000000000000000000000";

struct Kind {
  std::string_view event;
  std::string_view rest;  // of the data, behind the envelope id
};

constexpr std::array<Kind, 6> kKinds = {{
    {.event = "envelope_completed",
     .rest = R"("file_name":"Services agreement")"},
    {.event = "envelope_audit_trail",
     .rest =
         R"("recipient_id":"6697cc22b4bd194facb20474","action":"ENVELOPE_VIEWED")"},
    {.event = "envelope_expired", .rest = R"("file_name":"dummy")"},
    {.event = "envelope_audit_trail",
     .rest =
         R"("recipient_id":"6697cc22b4bd194facb20475","action":"ENVELOPE_SIGNED")"},
    {.event = "envelope_declined", .rest = R"("file_name":"Lease 2024-07")"},
    {.event = "envelope_voided", .rest = R"("file_name":"dummy")"},
}};

// Writes `value` as hexadecimal digits that fill `out` from the right.
void WriteHex(uint64_t value, char* out, size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = size; i-- > 0; value >>= 4U) {
    out[i] = kDigits[value & 0xFU];
  }
}

}  // namespace

WebhookRequest MakeWebhookRequest(std::string_view token, size_t kind) {
  const Kind& k = kKinds[kind % kKinds.size()];
  const std::string body = absl::StrFormat(
      R"({"hook":{"id":"6697ccb204bd194fa74c22b4","event":"%s",)"
      R"("target":"https://relay.example.com/webhooks/signplus/%s"},)"
      R"("data":{"id":"6697ccb204bd194fa74c22b4",)"
      R"("uid":"4a6e29bfc5344ca6ad7cc8beda456481","envelope_id":"%s",%s}})",
      std::string(k.event), std::string(token), std::string(kNoEnvelope),
      std::string(k.rest));
  WebhookRequest request;
  request.bytes = absl::StrFormat(
      "POST /webhooks/signplus/%s HTTP/1.1\r\n"
      "Host: relay.example.com\r\n"
      "User-Agent: relay-bench\r\n"
      "Content-Type: application/json\r\n"
      "Content-Length: %d\r\n\r\n%s",
      std::string(token), body.size(), body);
  request.envelope_id = request.bytes.find(kNoEnvelope);
  return request;
}

void SetEnvelopeId(WebhookRequest& request, uint32_t series, uint64_t number) {
  char* id = request.bytes.data() + request.envelope_id;
  WriteHex(series, id, kSeriesSize);
  WriteHex(number, id + kSeriesSize, kEnvelopeIdSize - kSeriesSize);
}

std::optional<uint64_t> NumberOf(std::string_view envelope_id,
                                 uint32_t series) {
  std::array<char, kSeriesSize> expected{};
  WriteHex(series, expected.data(), expected.size());
  if (envelope_id.size() != kEnvelopeIdSize ||
      envelope_id.substr(0, kSeriesSize) !=
          std::string_view(expected.data(), expected.size())) {
    return std::nullopt;
  }
  const std::string_view digits = envelope_id.substr(kSeriesSize);
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return number;
}

}  // namespace enveloperelay::load
