#ifndef ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_
#define ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/write.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/http/message.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/system/error_code.hpp"
#include "server/base/mutex.h"

namespace enveloperelay::testing {

// An HTTP endpoint on a loopback port that plays a script: each request gets
// the next answer, as bytes, and the connection is closed. A request past the
// last answer, or one whose answer is empty, is closed without one.
class ScriptedHttpServer {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  explicit ScriptedHttpServer(std::vector<std::string> answers)
      : answers_(std::move(answers)), thread_([this] { Serve(); }) {}
  ~ScriptedHttpServer() {
    shutdown(acceptor_.native_handle(), SHUT_RDWR);  // ends accept()
    thread_.join();
  }
  ScriptedHttpServer(const ScriptedHttpServer&) = delete;
  ScriptedHttpServer& operator=(const ScriptedHttpServer&) = delete;

  // "127.0.0.1:12345"
  std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  std::vector<Request> requests() const ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    return requests_;
  }

 private:
  using Tcp = boost::asio::ip::tcp;

  void Serve() {
    boost::system::error_code error;
    for (size_t number = 0; !error;) {
      Tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (error) return;
      boost::beast::flat_buffer buffer;
      Request request;
      boost::system::error_code broken;
      boost::beast::http::read(socket, buffer, request, broken);
      if (broken) continue;
      {
        const MutexLock lock(mutex_);
        requests_.push_back(std::move(request));
      }
      if (number >= answers_.size()) continue;
      boost::asio::write(socket, boost::asio::buffer(answers_[number++]),
                         broken);
    }
  }

  const std::vector<std::string> answers_;
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_{
      io_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  mutable Mutex mutex_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// The bytes of an answer without a body.
inline std::string Answer(const std::string& status,
                          const std::string& fields = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + fields + "\r\n";
}

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_SUPPORT_SCRIPTED_HTTP_SERVER_H_
