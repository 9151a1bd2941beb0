#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_FIXTURES_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_FIXTURES_H_

#include <optional>
#include <string>
#include <vector>

#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {

// A webhook body of tests/fixtures/signplus and what MANIFEST.json says of it.
struct Fixture {
  std::string file;
  std::string body;
  int http_status = 0;
  // The fields that the manifest gives; set if and only if the status is 200.
  std::optional<v1::EnvelopeEvent> event;
};

// Every body, in the order of the manifest. Aborts the test program with
// a message when a file cannot be read.
std::vector<Fixture> LoadFixtures();

// The fields of an event that a manifest gives; the others cleared.
v1::EnvelopeEvent ManifestFields(v1::EnvelopeEvent event);

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_FIXTURES_H_
