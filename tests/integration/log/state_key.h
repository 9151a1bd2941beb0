#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_STATE_KEY_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_STATE_KEY_H_

#include <string>

#include "absl/strings/str_format.h"

namespace enveloperelay::testing {

// Of so many of its last writes of state a log_writer keeps the key.
inline constexpr int kStateKeysMax = 20;

// The key of a log_writer's write of state; keys sort by number.
inline std::string StateKey(const std::string& name, int number) {
  return absl::StrFormat("%s/%08d", name, number);
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_LOG_STATE_KEY_H_
