#include "tests/support/fixtures.h"

#include <google/protobuf/util/json_util.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "enveloperelay/v1/events.pb.h"

namespace enveloperelay::testing {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  (void)std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

std::string ReadFixture(const std::string& name) {
  const std::string path = RELAY_FIXTURES_DIR "/signplus/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail("cannot open " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::vector<Fixture> LoadFixtures() {
  const boost::json::value manifest =
      boost::json::parse(ReadFixture("MANIFEST.json"));
  std::vector<Fixture> fixtures;
  for (const boost::json::value& entry : manifest.as_array()) {
    Fixture fixture;
    fixture.file = entry.at("file").as_string().c_str();
    fixture.body = ReadFixture(fixture.file);
    fixture.http_status = entry.at("http_status").to_number<int>();
    if (const auto* event = entry.as_object().if_contains("event")) {
      const std::string json = boost::json::serialize(*event);
      fixture.event.emplace();
      const auto status = google::protobuf::util::JsonStringToMessage(
          json, &fixture.event.value());
      if (!status.ok()) Fail(fixture.file + ": " + status.ToString());
    }
    fixtures.push_back(std::move(fixture));
  }
  return fixtures;
}

v1::EnvelopeEvent ManifestFields(v1::EnvelopeEvent event) {
  event.clear_event_id();
  event.clear_sequence();
  event.clear_cursor();
  event.clear_receive_time();
  event.clear_origin();
  event.clear_traceparent();
  event.clear_payload();
  return event;
}

}  // namespace enveloperelay::testing
