#ifndef ENVELOPE_RELAY_TESTS_LOAD_WEBHOOK_REQUEST_H_
#define ENVELOPE_RELAY_TESTS_LOAD_WEBHOOK_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace enveloperelay::load {

// One HTTP request that posts a Sign.Plus webhook of 280 to 340 bytes, built
// once and sent many times with another envelope id each time.
struct WebhookRequest {
  std::string bytes;
  // Where the envelope id stands in `bytes`; it is kEnvelopeIdSize long.
  size_t envelope_id = 0;
};

// Length of Sign.Plus's ids: 24 hexadecimal digits.
inline constexpr size_t kEnvelopeIdSize = 24;

// Returns a request for `/webhooks/signplus/{token}`, which the body's
// hook.target repeats as Sign.Plus does. `kind` picks one of Sign.Plus's
// webhooks (any number; they take turns).
WebhookRequest MakeWebhookRequest(std::string_view token, size_t kind);

// Makes the request the `number`th of `series`, in place.
void SetEnvelopeId(WebhookRequest& request, uint32_t series, uint64_t number);

// Reads the number back from an event's envelope id. Nothing if the id is not
// of `series`.
std::optional<uint64_t> NumberOf(std::string_view envelope_id, uint32_t series);

}  // namespace enveloperelay::load

#endif  // ENVELOPE_RELAY_TESTS_LOAD_WEBHOOK_REQUEST_H_
