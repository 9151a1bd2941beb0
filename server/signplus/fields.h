#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace enveloperelay {

// The known fields of a Sign.Plus webhook; empty where absent or null.
struct WebhookFields {
  std::string hook_id;
  std::string event;
  std::string target;
  std::string data_id;
  std::string uid;
  std::string envelope_id;
  std::string file_name;
  std::string recipient_id;
  std::string action;
};

// Reads the known fields out of a body in one pass, without a tree of it.
// Errors: as of ParseWebhook.
absl::StatusOr<WebhookFields> ReadFields(std::string_view body);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_
