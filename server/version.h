#ifndef ENVELOPE_RELAY_SERVER_VERSION_H_
#define ENVELOPE_RELAY_SERVER_VERSION_H_

#include <string_view>

namespace enveloperelay {

// What was built, from CMake and git; see version.cc.in.
extern const std::string_view kVersion;  // "1.2.3"
extern const std::string_view kCommit;   // hexadecimal, or "unknown"
extern const std::string_view kBuild;    // "Release, GNU 12.2.0"

}  // namespace enveloperelay

#endif  // ENVELOPE_RELAY_SERVER_VERSION_H_
