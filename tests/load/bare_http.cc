// The ingress without its work, to compare it with: reads an HTTP request with
// its body and answers 200 with as many bytes as the relay does. It looks into
// nothing and stores nothing.
//
//   bare-http THREADS     prints its port on 127.0.0.1, runs until it is killed
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr char kBody[] =
    R"({"event_id":"01234567-89ab-8def-8123-456789abcdef",)"
    R"("sequence":"1234567","duplicate":false})";

asio::awaitable<void> Serve(tcp::socket socket) {
  boost::beast::tcp_stream stream(std::move(socket));
  stream.socket().set_option(tcp::no_delay(true));
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request<http::string_body> request;
    const auto [read_error, read] =
        co_await http::async_read(stream, buffer, request, kAwait);
    if (read_error) co_return;
    http::response<http::string_body> response(http::status::ok,
                                               request.version(), kBody);
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    const auto [write_error, written] =
        co_await http::async_write(stream, response, kAwait);
    if (write_error || !response.keep_alive()) co_return;
  }
}

// Hands the connections out to the contexts in turn.
// Hands the connections out to the contexts in turn.
asio::awaitable<void> Accept(
    tcp::acceptor acceptor,
    const std::vector<std::unique_ptr<asio::io_context>>& contexts) {
  for (size_t next = 0;; next = (next + 1) % contexts.size()) {
    asio::io_context& context = *contexts[next];
    auto [error, socket] = co_await acceptor.async_accept(context, kAwait);
    if (!error) {
      asio::co_spawn(context, Serve(std::move(socket)), asio::detached);
    }
  }
}

void Run(int threads) {
  std::vector<std::unique_ptr<asio::io_context>> contexts(
      static_cast<size_t>(threads));
  for (auto& context : contexts) {
    context = std::make_unique<asio::io_context>(1);
  }
  tcp::acceptor acceptor(*contexts[0],
                         tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(*contexts[0], Accept(std::move(acceptor), contexts),
                 asio::detached);
  std::vector<std::jthread> others;
  for (size_t i = 1; i < contexts.size(); ++i) {
    others.emplace_back([&context = *contexts[i]] {
      const auto work = asio::make_work_guard(context);
      context.run();
    });
  }
  contexts[0]->run();
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 0;
  if (argc != 2 || !absl::SimpleAtoi(argv[1], &threads) || threads < 1) {
    std::fprintf(stderr, "usage: bare-http THREADS\n");
    return 2;
  }
  try {
    Run(threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare-http: %s\n", error.what());
  }
  return 1;
}
