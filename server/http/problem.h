#ifndef ENVELOPE_RELAY_SERVER_HTTP_PROBLEM_H_
#define ENVELOPE_RELAY_SERVER_HTTP_PROBLEM_H_

#include <cstdint>
#include <string_view>

#include "server/http/response.h"

namespace enveloperelay {

// Why a request is refused, in the words that a program may rely on.
enum class Reason : uint8_t {
  kMalformedJson,
  kBadRequest,
  kUnauthenticated,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kBodyTooLarge,
  kUnsupportedMediaType,
  kNotAnEnvelopeEvent,
  kRateLimited,
  kNotImplemented,
  kUnavailable,
};
inline constexpr Reason kReasonLast = Reason::kUnavailable;

// "MALFORMED_JSON".
std::string_view NameOf(Reason reason);
// The HTTP status that goes with it.
unsigned StatusOf(Reason reason);

// Returns an answer with a problem of RFC 9457: `type` is "about:blank", so
// `title` is the status in words; `detail` is for people; the member `reason`
// has the reason's name. kRateLimited and kUnavailable come with a Retry-After
// of 1 to 5 seconds, drawn at random so that senders do not return all at once.
HttpResponse ProblemResponse(Reason reason, std::string_view detail);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_HTTP_PROBLEM_H_
