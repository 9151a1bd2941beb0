#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_

#include <span>
#include <string>

namespace enveloperelay {

// Overwrites each occurrence of a secret in `text`, which may be JSON or any
// bytes, with '*', so that its size stays. An occurrence is the secret as it
// is, also as a part of something longer, or with any of its characters spelled
// otherwise: as \uXXXX, as in a JSON string, or in JSON that itself stands in
// one; percent-encoded, once or several times; or all of it in UTF-16.
// Occurrences may overlap. JSON stays JSON: where a secret begins within an
// escape such as \t, all of that is overwritten. The secrets are not empty and
// of printable ASCII without '"', '\' and '%'.
void BlankSecrets(std::span<const std::string> secrets, std::string& text);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_
