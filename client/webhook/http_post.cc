#include "client/webhook/http_post.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/beast/core/error.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http/field.hpp"
#include "boost/beast/http/message.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/beast/http/verb.hpp"
#include "boost/beast/http/write.hpp"

namespace enveloperelay::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr int kHttp11 = 11;

}  // namespace

std::string HttpUrl::Authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? '[' + host + ']' : host) + ':' + port;
}

absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text) {
  const auto invalid = [](const char* why) {
    return absl::InvalidArgumentError(why);
  };
  std::string_view rest = text;
  bool with_scheme = false;
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    if (rest.substr(0, end) != "http") return invalid("its scheme is not http");
    rest.remove_prefix(end + 3);
    with_scheme = true;
  }
  HttpUrl url{.host = "", .port = "80", .path = "/"};
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    url.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  if (!std::ranges::all_of(url.path, absl::ascii_isgraph)) {
    return invalid("its path has characters other than printable ASCII");
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

class HttpPoster::Impl {
 public:
  explicit Impl(HttpPosterOptions options) : options_(std::move(options)) {}

  absl::StatusOr<HttpAnswer> Post(std::string_view body,
                                  const std::vector<HttpField>& fields) {
    // The peer may close an idle connection just as we use it.
    const bool reused = connected_;
    absl::StatusOr<HttpAnswer> answer = PostOnce(body, fields);
    if (reused && absl::IsUnavailable(answer.status())) {
      answer = PostOnce(body, fields);
    }
    return answer;
  }

 private:
  absl::StatusOr<HttpAnswer> PostOnce(std::string_view body,
                                      const std::vector<HttpField>& fields) {
    if (!connected_) {
      if (absl::Status status = Connect(); !status.ok()) return status;
    }
    error_code error = Send(body, fields);
    http::response<http::string_body> response;
    if (!error) error = Receive(response);
    connected_ = !error && response.keep_alive();
    if (!connected_) stream_.close();
    if (error) return Failed("the connection broke", error);
    return HttpAnswer{
        .status = response.result_int(),
        .reason = std::string(response.reason()),
        .retry_after = std::string(response[http::field::retry_after]),
        .body = std::move(response.body())};
  }

  absl::Status Connect() {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto endpoints =
        resolver.resolve(options_.url.host, options_.url.port, error);
    if (error) return Failed("cannot resolve the host", error);
    buffer_.clear();
    stream_.expires_after(Timeout());
    stream_.async_connect(endpoints, [&error](error_code result, const auto&) {
      error = result;
    });
    RunToEnd();
    if (error) {
      return Failed(absl::StrFormat("cannot reach %s", options_.peer), error);
    }
    connected_ = true;
    return absl::OkStatus();
  }

  error_code Send(std::string_view body, const std::vector<HttpField>& fields) {
    http::request<http::string_body> request(
        http::verb::post, options_.url.path, kHttp11, std::string(body));
    request.set(http::field::host, options_.url.Authority());
    request.set(http::field::content_type, "application/json");
    request.set(http::field::user_agent, "envelopectl");
    for (const HttpField& field : fields) request.set(field.name, field.value);
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
    const std::string authority = options_.url.Authority();
    if (error == beast::error::timeout) {
      return absl::DeadlineExceededError(
          absl::StrFormat("no answer from %s at %s within %s", options_.peer,
                          authority, absl::FormatDuration(options_.timeout)));
    }
    return absl::UnavailableError(
        absl::StrFormat("%s at %s: %s", what, authority, error.message()));
  }

  std::chrono::nanoseconds Timeout() const {
    return absl::ToChronoNanoseconds(options_.timeout);
  }

  const HttpPosterOptions options_;
  asio::io_context io_;
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  bool connected_ = false;
};

HttpPoster::HttpPoster(HttpPosterOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

HttpPoster::~HttpPoster() = default;

absl::StatusOr<HttpAnswer> HttpPoster::Post(
    std::string_view body, const std::vector<HttpField>& fields) {
  return impl_->Post(body, fields);
}

}  // namespace enveloperelay::client
