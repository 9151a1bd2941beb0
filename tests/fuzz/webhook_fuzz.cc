// ParseWebhook: any body gives a valid event, the same one each time and
// without a secret in it, or an error that repeats nothing of the body.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "enveloperelay/v1/events.pb.h"
#include "server/base/check.h"
#include "server/signplus/webhook.h"
#include "tests/fuzz/input.h"

namespace enveloperelay {
namespace {

namespace json = boost::json;

// In webhook.dict too. Neither is like anything that JSON has by itself.
const std::string kSecrets[] = {"tok_Secret.0-xyz~", "tok_Secret.0-xyz~Tail"};

bool HasSecret(std::string_view text) {
  return std::ranges::any_of(kSecrets, [text](const std::string& secret) {
    return text.find(secret) != std::string_view::npos;
  });
}

// Whether a secret stands anywhere in the value, as whoever parses it reads it.
bool HasSecret(const json::value& value) {
  if (const json::string* text = value.if_string(); text != nullptr) {
    return HasSecret(std::string_view(text->data(), text->size()));
  }
  if (const json::array* array = value.if_array(); array != nullptr) {
    return std::ranges::any_of(
        *array, [](const json::value& each) { return HasSecret(each); });
  }
  if (const json::object* object = value.if_object(); object != nullptr) {
    return std::ranges::any_of(*object, [](const json::key_value_pair& each) {
      const json::string_view key = each.key();
      return HasSecret(std::string_view(key.data(), key.size())) ||
             HasSecret(each.value());
    });
  }
  return false;
}

json::value ParseJson(std::string_view body, boost::system::error_code& error) {
  json::parse_options options;
  options.max_depth = kWebhookDepthMax;
  return json::parse(json::string_view(body.data(), body.size()), error, {},
                     options);
}

absl::StatusOr<v1::EnvelopeEvent> Parse(std::string_view body) {
  return ParseWebhook({.body = body,
                       .receive_time = absl::FromUnixSeconds(1'700'000'000),
                       .dedup_window = absl::Minutes(10),
                       .secrets = kSecrets});
}

void CheckEvent(const v1::EnvelopeEvent& event, std::string_view body) {
  // Strings that are not UTF-8 would not be read back.
  const std::string bytes = event.SerializeAsString();
  v1::EnvelopeEvent read;
  RELAY_CHECK(read.ParseFromString(bytes));
  RELAY_CHECK(read.SerializeAsString() == bytes);

  constexpr size_t kUuidSize = 36;
  RELAY_CHECK(event.event_id().size() == kUuidSize);
  RELAY_CHECK(!event.type_name().empty() && !event.envelope_id().empty());
  RELAY_CHECK(event.payload().size() == body.size());
  RELAY_CHECK(!HasSecret(bytes));

  // A second parser takes the body for JSON, too, and finds no secret.
  boost::system::error_code error;
  ParseJson(body, error);
  RELAY_CHECK(!error);
  const json::value stored = ParseJson(event.payload(), error);
  RELAY_CHECK(!error && !HasSecret(stored));

  // What is stored is the event.
  const absl::StatusOr<v1::EnvelopeEvent> again = Parse(event.payload());
  RELAY_CHECK(again.ok() && again->SerializeAsString() == bytes);
}

}  // namespace
}  // namespace enveloperelay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace enveloperelay;  // NOLINT(google-build-using-namespace)
  const std::string_view body = testing::FuzzInput(data, size).Rest();
  const absl::StatusOr<v1::EnvelopeEvent> event = Parse(body);
  if (event.ok()) {
    CheckEvent(*event, body);
    return 0;
  }
  RELAY_CHECK(absl::IsInvalidArgument(event.status()) ||
              absl::IsFailedPrecondition(event.status()));
  RELAY_CHECK(!event.status().message().empty());
  RELAY_CHECK(!HasSecret(event.status().ToString()));
  // JSON it must be called only if another parser does so.
  boost::system::error_code error;
  ParseJson(body, error);
  RELAY_CHECK(absl::IsFailedPrecondition(event.status()) || error);
  return 0;
}
