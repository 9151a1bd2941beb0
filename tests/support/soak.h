#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_SOAK_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_SOAK_H_

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace enveloperelay::testing {

// Whether tests that can be long are to be: `./dev soak`.
inline bool Soak() { return std::getenv("RELAY_SOAK") != nullptr; }

// A seed for a random test: $RELAY_SEED, else a new one. Printed, so that the
// test can be run again as it was.
inline uint64_t Seed() {
  const char* const given = std::getenv("RELAY_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                         : std::random_device()();
  std::cout << "RELAY_SEED=" << seed << "\n";
  return seed;
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SOAK_H_
