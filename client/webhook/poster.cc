#include "client/webhook/poster.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/beast/core/error.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http/field.hpp"
#include "boost/beast/http/message.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/status.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/beast/http/verb.hpp"
#include "boost/beast/http/write.hpp"
#include "boost/json/parse.hpp"
#include "boost/json/value.hpp"

namespace enveloperelay::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using boost::system::error_code;

constexpr std::string_view kDefaultPath = "/webhooks/signplus";
constexpr int kHttp11 = 11;

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

absl::StatusOr<StoredWebhook> ReadAnswer(
    const http::response<http::string_body>& response) {
  const json::object body = ParseObject(response.body());
  if (response.result() != http::status::ok) {
    const absl::StatusCode code =
        response.result() == http::status::unauthorized
            ? absl::StatusCode::kUnauthenticated
            : absl::StatusCode::kFailedPrecondition;
    return absl::Status(
        code,
        absl::StrFormat("the relay answered %u %s: %s", response.result_int(),
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
  return stored;
}

}  // namespace

std::string IngressUrl::Authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? '[' + host + ']' : host) + ':' + port;
}

absl::StatusOr<IngressUrl> ParseIngressUrl(std::string_view text) {
  const auto invalid = [text](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'%s' is not the address of an ingress (%s); allowed are HOST:PORT and "
        "http://HOST[:PORT][/PATH]",
        text, why));
  };
  std::string_view rest = text;
  bool with_scheme = false;
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    if (rest.substr(0, end) != "http") return invalid("its scheme is not http");
    rest.remove_prefix(end + 3);
    with_scheme = true;
  }
  IngressUrl url{.host = "", .port = "80", .path = std::string(kDefaultPath)};
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size()) url.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  std::string_view port;
  if (rest.starts_with('[')) {
    const size_t end = rest.find(']');
    if (end == std::string_view::npos) return invalid("']' is missing");
    url.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const size_t colon = std::min(rest.find(':'), rest.size());
    url.host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (url.host.empty()) return invalid("the host is missing");
  if (port.empty() && !with_scheme) return invalid("the port is missing");
  if (port.empty()) return url;
  url.port = port.substr(1);
  if (!port.starts_with(':') || url.port.empty() || url.port.size() > 5 ||
      !std::ranges::all_of(url.port, absl::ascii_isdigit) ||
      std::stoi(url.port) > 65535) {
    return invalid("its port is not a number up to 65535");
  }
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
    if (!std::ranges::all_of(line, absl::ascii_isgraph)) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the token in %s has characters other than printable ASCII", path));
    }
    return line;
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("token file %s holds no token", path));
}

class WebhookPoster::Impl {
 public:
  Impl(IngressUrl url, std::string token, absl::Duration timeout)
      : url_(std::move(url)), token_(std::move(token)), timeout_(timeout) {}

  absl::StatusOr<StoredWebhook> Post(std::string_view body) {
    // A relay may close an idle connection just as we use it. Posting again is
    // safe: what was stored by then is answered as a duplicate.
    const bool reused = connected_;
    absl::StatusOr<StoredWebhook> stored = PostOnce(body);
    if (reused && absl::IsUnavailable(stored.status())) stored = PostOnce(body);
    return stored;
  }

  void WaitUntil(absl::Time time) {
    asio::steady_timer timer(io_,
                             absl::ToChronoNanoseconds(time - absl::Now()));
    timer.async_wait([](error_code) {});
    RunToEnd();
  }

 private:
  absl::StatusOr<StoredWebhook> PostOnce(std::string_view body) {
    if (!connected_) {
      if (absl::Status status = Connect(); !status.ok()) return status;
    }
    error_code error = Send(body);
    http::response<http::string_body> response;
    if (!error) error = Receive(response);
    connected_ = !error && response.keep_alive();
    if (!connected_) stream_.close();
    if (error) return Failed("the connection broke", error);
    return ReadAnswer(response);
  }

  absl::Status Connect() {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto endpoints = resolver.resolve(url_.host, url_.port, error);
    if (error) return Failed("cannot resolve the host", error);
    buffer_.clear();
    stream_.expires_after(Timeout());
    stream_.async_connect(endpoints, [&error](error_code result, const auto&) {
      error = result;
    });
    RunToEnd();
    if (error) return Failed("cannot reach the relay", error);
    connected_ = true;
    return absl::OkStatus();
  }

  error_code Send(std::string_view body) {
    http::request<http::string_body> request(http::verb::post, url_.path,
                                             kHttp11, std::string(body));
    request.set(http::field::host, url_.Authority());
    request.set(http::field::content_type, "application/json");
    request.set(http::field::user_agent, "envelopectl");
    if (!token_.empty()) {
      request.set(http::field::authorization, "Bearer " + token_);
    }
    request.prepare_payload();
    error_code error;
    stream_.expires_after(Timeout());
    http::async_write(stream_, request,
                      [&error](error_code result, size_t) { error = result; });
    RunToEnd();
    return error;
  }

  error_code Receive(http::response<http::string_body>& response) {
    error_code error;
    stream_.expires_after(Timeout());
    http::async_read(stream_, buffer_, response,
                     [&error](error_code result, size_t) { error = result; });
    RunToEnd();
    return error;
  }

  // Runs what was begun to its end; its handler has then been called.
  void RunToEnd() {
    io_.restart();
    io_.run();
  }

  absl::Status Failed(std::string_view what, error_code error) const {
    if (error == beast::error::timeout) {
      return absl::DeadlineExceededError(
          absl::StrFormat("no answer from the relay's ingress at %s within %s",
                          url_.Authority(), absl::FormatDuration(timeout_)));
    }
    return absl::UnavailableError(absl::StrFormat(
        "%s at %s: %s", what, url_.Authority(), error.message()));
  }

  std::chrono::nanoseconds Timeout() const {
    return absl::ToChronoNanoseconds(timeout_);
  }

  const IngressUrl url_;
  const std::string token_;
  const absl::Duration timeout_;
  asio::io_context io_;
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  bool connected_ = false;
};

WebhookPoster::WebhookPoster(IngressUrl url, std::string token,
                             absl::Duration timeout)
    : impl_(std::make_unique<Impl>(std::move(url), std::move(token), timeout)) {
}

WebhookPoster::~WebhookPoster() = default;

absl::StatusOr<StoredWebhook> WebhookPoster::Post(std::string_view body) {
  return impl_->Post(body);
}

void WebhookPoster::WaitUntil(absl::Time time) { impl_->WaitUntil(time); }

}  // namespace enveloperelay::client
