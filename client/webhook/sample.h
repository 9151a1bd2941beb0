#ifndef ENVELOPE_RELAY_CLIENT_WEBHOOK_SAMPLE_H_
#define ENVELOPE_RELAY_CLIENT_WEBHOOK_SAMPLE_H_

#include <array>
#include <string>
#include <string_view>

#include "absl/random/bit_gen_ref.h"

namespace enveloperelay::client {

// A webhook as Sign.Plus names it.
struct WebhookKind {
  std::string_view event;        // hook.event
  std::string_view action = {};  // data.action; only of an audit trail
};

// All that Sign.Plus documents.
inline constexpr std::array<WebhookKind, 7> kWebhookKinds = {{
    {.event = "envelope_audit_trail", .action = "ENVELOPE_VIEWED"},
    {.event = "envelope_audit_trail", .action = "ENVELOPE_SIGNED"},
    {.event = "envelope_audit_trail", .action = "ENVELOPE_DECLINED"},
    {.event = "envelope_completed"},
    {.event = "envelope_expired"},
    {.event = "envelope_declined"},
    {.event = "envelope_voided"},
}};

// 24 hexadecimal digits, as Sign.Plus identifies envelopes and recipients.
std::string RandomId(absl::BitGenRef random);

// A body of `kind`, with the fields of the documented examples. Two of them are
// never the same event: `data.id` is random.
std::string SampleWebhook(const WebhookKind& kind, std::string_view envelope_id,
                          absl::BitGenRef random);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_WEBHOOK_SAMPLE_H_
