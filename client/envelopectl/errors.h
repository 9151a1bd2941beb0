#ifndef ENVELOPE_RELAY_CLIENT_ENVELOPECTL_ERRORS_H_
#define ENVELOPE_RELAY_CLIENT_ENVELOPECTL_ERRORS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace enveloperelay::client {

// Returns, on one line without its end, what failed in a gRPC call to the relay
// at `target` and what to do about it.
std::string ExplainGrpcError(const absl::Status& status,
                             std::string_view target);

// The same for a webhook posted to the ingress.
std::string ExplainPostError(const absl::Status& status);

}  // namespace enveloperelay::client

#endif  // ENVELOPE_RELAY_CLIENT_ENVELOPECTL_ERRORS_H_
