#ifndef ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_
#define ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_

#include <span>
#include <string>

namespace enveloperelay {

// Overwrites each occurrence of a secret in `json` with '*', so that its size
// stays: as it is, and as a JSON string may spell it, with \uXXXX for any of
// its characters. Occurrences may overlap. The secrets are not empty and of
// printable ASCII without '"' and '\'.
void BlankSecrets(std::span<const std::string> secrets, std::string& json);

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_SIGNPLUS_REDACT_H_
