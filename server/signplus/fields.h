#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace enveloperelay {

// The known fields of a Sign.Plus webhook; empty where absent, null or no
// string.
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
  // Names of members that are not known, with that of the object that they
  // stand in: "data.page_count". Of the root object, `hook` and `data`. Long
  // ones are cut, but not to less than kNameBytesMin.
  std::vector<std::string> unknown;
};

inline constexpr size_t kNameBytesMin = 1024;

// Reads the known fields out of a body in one pass, without a tree of it. Those
// of a body that is a JSON object are there also when it is no event.
// Errors: as of ParseWebhook.
absl::Status ReadFields(std::string_view body, WebhookFields& fields);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_FIELDS_H_
