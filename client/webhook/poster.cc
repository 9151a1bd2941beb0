#include "client/webhook/poster.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "boost/json/parse.hpp"
#include "boost/json/value.hpp"
#include "boost/system/error_code.hpp"
#include "client/webhook/http_post.h"

namespace enveloperelay::client {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::string_view kDefaultPath = "/webhooks/signplus";
constexpr unsigned kOk = 200;
constexpr unsigned kUnauthorized = 401;

// The text of field `name`, or "".
std::string Text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return "";
  return std::string(value->get_string());
}

// The answer's body, or an empty object when it is not a JSON object.
json::object ParseObject(std::string_view body) {
  error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) return {};
  return std::move(value.get_object());
}

absl::StatusOr<StoredWebhook> ReadAnswer(const HttpAnswer& answer) {
  const json::object body = ParseObject(answer.body);
  if (answer.status != kOk) {
    const absl::StatusCode code = answer.status == kUnauthorized
                                      ? absl::StatusCode::kUnauthenticated
                                      : absl::StatusCode::kFailedPrecondition;
    return absl::Status(
        code, absl::StrFormat("the relay answered %u %s: %s", answer.status,
                              Text(body, "reason"), Text(body, "detail")));
  }
  StoredWebhook stored{.event_id = Text(body, "event_id"),
                       .sequence = Text(body, "sequence")};
  const json::value* duplicate = body.if_contains("duplicate");
  if (stored.event_id.empty() || stored.sequence.empty() ||
      duplicate == nullptr || !duplicate->is_bool()) {
    return absl::FailedPreconditionError(
        "the answer is 200 but not that of a relay; is this its ingress?");
  }
  stored.duplicate = duplicate->get_bool();
  stored.traceparent = answer.traceparent;
  return stored;
}

}  // namespace

absl::StatusOr<HttpUrl> ParseIngressUrl(std::string_view text) {
  absl::StatusOr<HttpUrl> url = ParseHttpUrl(text);
  if (!url.ok()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'%s' is not the address of an ingress (%s); allowed are HOST:PORT and "
        "http[s]://HOST[:PORT][/PATH]",
        text, url.status().message()));
  }
  if (url->path == "/") url->path = kDefaultPath;
  return url;
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return absl::ErrnoToStatus(
        errno, absl::StrFormat("cannot read token file %s", path));
  }
  std::string line;
  while (std::getline(file, line)) {
    absl::StripAsciiWhitespace(&line);
    if (line.empty() || line.starts_with('#')) continue;
    // The relay's own file may have a name in front.
    line.erase(0, line.find_last_of(" \t") + 1);
    if (!std::ranges::all_of(line, absl::ascii_isgraph)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the token in %s has characters other than printable ASCII", path));
    }
    return line;
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("token file %s holds no token", path));
}

WebhookPoster::WebhookPoster(Options options)
    : token_(std::move(options.token)),
      poster_({.url = std::move(options.url),
               .peer = "the relay",
               .ca_file = std::move(options.ca_file),
               .timeout = options.timeout}) {}

absl::StatusOr<StoredWebhook> WebhookPoster::Post(std::string_view body) {
  std::vector<HttpField> fields;
  if (!token_.empty()) {
    fields.push_back({.name = "Authorization", .value = "Bearer " + token_});
  }
  const absl::StatusOr<HttpAnswer> answer = poster_.Post(body, fields);
  if (!answer.ok()) return answer.status();
  return ReadAnswer(*answer);
}

}  // namespace enveloperelay::client
