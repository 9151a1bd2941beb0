#include "client/webhook/http_post.h"

#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
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
#include "boost/asio/ip/address.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/ssl/context.hpp"
#include "boost/asio/ssl/host_name_verification.hpp"
#include "boost/asio/ssl/stream.hpp"
#include "boost/asio/ssl/stream_base.hpp"
#include "boost/asio/ssl/verify_mode.hpp"
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
namespace ssl = asio::ssl;
using Tls = ssl::stream<beast::tcp_stream&>;
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
  bool tls = false;
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    tls = rest.substr(0, end) == "https";
    if (!tls && rest.substr(0, end) != "http") {
      return invalid("its scheme is neither http nor https");
    }
    rest.remove_prefix(end + 3);
    with_scheme = true;
  }
  HttpUrl url{.tls = tls, .host = "", .port = tls ? "443" : "80", .path = "/"};
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
    if (!connected_) Close();
    if (error) return Failed("the connection broke", error);
    return HttpAnswer{
        .status = response.result_int(),
        .reason = std::string(response.reason()),
        .retry_after = std::string(response[http::field::retry_after]),
        .traceparent = std::string(response["traceparent"]),
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
    if (options_.url.tls) {
      if (absl::Status status = ShakeHands(); !status.ok()) {
        Close();
        return status;
      }
    }
    connected_ = true;
    return absl::OkStatus();
  }

  absl::Status ShakeHands() {
    if (!context_.has_value()) {
      if (absl::Status status = MakeContext(); !status.ok()) return status;
    }
    Tls& tls = tls_.emplace(stream_, *context_);
    std::string host = options_.url.host;
    error_code error;
    asio::ip::make_address(host, error);
    if (error) {  // a name, for the server to choose its certificate by
      SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
               TLSEXT_NAMETYPE_host_name, host.data());
    }
    tls.set_verify_mode(ssl::verify_peer);
    tls.set_verify_callback(ssl::host_name_verification(host));
    stream_.expires_after(Timeout());
    tls.async_handshake(ssl::stream_base::client,
                        [&error](error_code result) { error = result; });
    RunToEnd();
    if (!error) return absl::OkStatus();
    return Failed(absl::StrFormat("no TLS with %s", options_.peer), error);
  }

  absl::Status MakeContext() {
    ssl::context& context = context_.emplace(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    error_code error;
    if (options_.ca_file.empty()) {
      context.set_default_verify_paths(error);
    } else {
      context.load_verify_file(options_.ca_file, error);
    }
    if (!error) return absl::OkStatus();
    context_.reset();
    return absl::InvalidArgumentError(absl::StrFormat(
        "cannot read CAs from %s: %s",
        options_.ca_file.empty() ? "the system" : options_.ca_file,
        error.message()));
  }

  void Close() {
    tls_.reset();
    stream_.close();
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
    const auto done = [&error](error_code result, size_t) { error = result; };
    if (tls_.has_value()) {
      http::async_write(*tls_, request, done);
    } else {
      http::async_write(stream_, request, done);
    }
    RunToEnd();
    return error;
  }

  error_code Receive(http::response<http::string_body>& response) {
    error_code error;
    stream_.expires_after(Timeout());
    const auto done = [&error](error_code result, size_t) { error = result; };
    if (tls_.has_value()) {
      http::async_read(*tls_, buffer_, response, done);
    } else {
      http::async_read(stream_, buffer_, response, done);
    }
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
  // Over stream_, while a connection is within TLS.
  std::optional<ssl::context> context_;
  std::optional<Tls> tls_;
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
