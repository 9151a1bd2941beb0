#ifndef ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_RELAY_TEST_H_
#define ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_RELAY_TEST_H_

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/temp_dir.h"

namespace enveloperelay::testing {

// The relay as it is shipped, asked over raw sockets.
class RelayTest : public ::testing::Test {
 protected:
  static constexpr char kPath[] = "/webhooks/signplus";
  static constexpr char kToken[] = "whtok_0123456789abcdef";

  void Start(std::vector<std::string> arguments = {}) {
    auto relay = RelayProcess::Start({.arguments = std::move(arguments)});
    ASSERT_TRUE(relay.ok()) << relay.status();
    relay_ = *std::move(relay);
  }
  // With a file of these tokens.
  void StartWithTokens(const std::string& tokens,
                       std::vector<std::string> arguments = {}) {
    WriteTokens(tokens);
    arguments.push_back("--ingress-token-file=" + directory_.File("tokens"));
    Start(std::move(arguments));
  }
  void WriteTokens(const std::string& tokens) const {
    std::ofstream(directory_.File("tokens")) << tokens;
  }

  RawConnection Connect() const {
    auto connection = RawConnection::Connect(relay_->ingress_port());
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }

  // Sends a request on a connection of its own; fails the test if no answer
  // comes.
  RawResponse Ask(std::string_view request) const {
    auto response = Fetch(relay_->ingress_port(), request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }
  // The same, on a connection that is open.
  static RawResponse Ask(RawConnection& connection, std::string_view request) {
    EXPECT_TRUE(connection.Send(request).ok());
    auto response = connection.Read();
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(RawResponse());
  }

  // A webhook that may come once only, of this envelope.
  static std::string Body(std::string_view envelope_id = "e1") {
    return R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":")" +
           std::string(envelope_id) + R"("}})";
  }
  static std::string Post(std::string_view body, std::string_view fields = "") {
    return RawRequest("POST", kPath, body, fields);
  }

  // What stands in the JSON of an answer; "" if nothing does.
  static std::string Member(const RawResponse& response,
                            std::string_view name) {
    boost::system::error_code error;
    const boost::json::value json = boost::json::parse(response.body, error);
    const boost::json::value* const member =
        json.is_object() ? json.as_object().if_contains(name) : nullptr;
    if (member == nullptr) return "";
    if (const auto* const text = member->if_string()) return text->c_str();
    return boost::json::serialize(*member);
  }

  static void ExpectStored(const RawResponse& response, int sequence,
                           bool duplicate = false) {
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.Field("content-type"), "application/json");
    EXPECT_EQ(response.body,
              R"({"event_id":")" + Member(response, "event_id") +
                  R"(","sequence":")" + std::to_string(sequence) +
                  R"(","duplicate":)" + (duplicate ? "true}" : "false}"));
    EXPECT_THAT(Member(response, "event_id"),
                ::testing::MatchesRegex(
                    "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                    "[0-9a-f]{12}"));
  }

  // Whether it is a problem of RFC 9457 for this reason.
  static void ExpectProblem(const RawResponse& response, int status,
                            const std::string& reason) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.Field("content-type"), "application/problem+json");
    EXPECT_EQ(Member(response, "type"), "about:blank");
    EXPECT_EQ(response.status_line, "HTTP/1.1 " + std::to_string(status) + " " +
                                        Member(response, "title"));
    EXPECT_EQ(Member(response, "status"), std::to_string(status));
    EXPECT_EQ(Member(response, "reason"), reason);
    EXPECT_NE(Member(response, "detail"), "");
    EXPECT_NE(response.Field("date"), "");
  }

  TempDir directory_;
  std::unique_ptr<RelayProcess> relay_;
};

}  // namespace enveloperelay::testing

#endif  // ENVELOPE_RELAY_TESTS_INTEGRATION_INGRESS_RELAY_TEST_H_
