// Every line of a relay's logging in JSON is one object, and its fields are
// those that are documented.
#include <csignal>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "boost/json/object.hpp"
#include "boost/json/parse.hpp"
#include "boost/json/serialize.hpp"
#include "boost/json/value.hpp"
#include "boost/system/error_code.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/access/access_relay_test.h"
#include "tests/support/event_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/log_fields.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"
#include "tests/support/test_ca.h"
#include "tests/support/webhook_signature.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AnyOf;
using ::testing::MatchesRegex;
using ::testing::UnorderedElementsAre;

constexpr char kToken[] = "whtok_0123456789abcdef";
// With what a writer of lines could take for its own.
constexpr char kUnknownEvent[] = "{} %v %n \" \\ = \u0007 ü";
constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

class LogsTest : public AccessRelayTest {
 protected:
  void StartInJson() {
    WriteServerCertificate(ca_.IssueServer());
    WriteTokens(TokenLine("billing", kBilling));
    WriteOption("ingress-token-file", absl::StrCat("sender ", kToken, "\n"));
    WriteOption("ingress-signing-secret-file", absl::StrCat(kSecret, "\n"));
    StartRelay({"--log-format=json", "--log-level=debug"});
    channel_ = Tls(ca_);
  }

  // Posts to the ingress what a sender signs; returns the status.
  int PostSigned(std::string_view body, const std::string& token) const {
    const int64_t now = absl::ToUnixSeconds(absl::Now());
    const auto response = Fetch(
        relay_->ingress_port(),
        RawRequest("POST", "/webhooks/signplus/" + token, body,
                   absl::StrCat("webhook-id: m\r\nwebhook-timestamp: ", now,
                                "\r\nwebhook-signature: ",
                                SignWebhook(kSecret, "m", now, body), "\r\n")));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->status : 0;
  }

  void PostWebhooks() const {
    const std::string body =
        R"({"hook":{"event":"envelope_voided"},"data":{"envelope_id":"e1"}})";
    EXPECT_EQ(PostSigned(body, kToken), 200);
    EXPECT_EQ(PostSigned(body, kToken), 200);
    EXPECT_EQ(PostSigned(boost::json::serialize(boost::json::object{
                             {"hook", {{"event", kUnknownEvent}}},
                             {"data", {{"envelope_id", "e2"}, {"\n", 1}}}}),
                         kToken),
              200);
    EXPECT_EQ(PostSigned("{", kToken), 400);
    EXPECT_EQ(PostSigned(body, "whtok_of_somebody_else"), 401);
    EXPECT_EQ(Fetch(relay_->ingress_port(), "\"\\\n=\r\n\r\n")->status, 400);
  }

  void MakeCalls() {
    ExpectUnauthenticated(GetLogWith("ert_wrong_wrong_wrong_wrong"));
    ExpectOk(Create(kBilling, "invoices"));
    v1::SubscribeRequest worker = Of("invoices");
    worker.set_worker_id("w");
    EventStream older(channel_, worker, kBilling);
    ASSERT_TRUE(older.Next().has_value());
    EventStream newer(channel_, worker, kBilling);
    ASSERT_TRUE(newer.Next().has_value());
    EXPECT_EQ(older.End().error_code(), grpc::StatusCode::ABORTED);
    // What is no TLS.
    const auto plain = Fetch(relay_->grpc_port(), "GET / HTTP/1.1\r\n\r\n");
    EXPECT_FALSE(plain.ok());
  }

  void ChangeFiles() const {
    const std::string tokens = files_.File("grpc-token-file");
    WriteFileAtOnce(tokens, ContentOf(tokens) + "# again\n");
    EXPECT_TRUE(relay_->WaitForLog("read again").ok());
    WriteFileAtOnce(tokens, "\"=\\\n");
    EXPECT_TRUE(relay_->WaitForLog("what was read before").ok());
  }

  // Each line of the relay, which is one object of JSON.
  std::vector<boost::json::object> ReadLines() const {
    std::vector<boost::json::object> lines;
    const std::string log = relay_->Log();
    EXPECT_TRUE(log.ends_with('\n'));
    for (const std::string& line : Lines(log)) {
      boost::system::error_code error;
      const boost::json::value value = boost::json::parse(line, error);
      EXPECT_FALSE(error) << line;
      EXPECT_TRUE(value.is_object()) << line;
      if (value.is_object()) lines.push_back(value.as_object());
    }
    return lines;
  }

  const TestCa ca_;
};

std::string TypeOf(const boost::json::value& value) {
  if (value.is_string()) return "text";
  if (value.is_bool()) return "truth";
  return value.is_number() ? "number" : "none that is documented";
}

void ExpectTimeLevelAndMessage(const boost::json::object& line) {
  EXPECT_THAT(std::string(line.at("time").as_string()),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:"
                           "[0-9]{2}\\.[0-9]{6}Z"));
  EXPECT_THAT(std::string(line.at("level").as_string()),
              AnyOf("debug", "info", "warning", "error"));
  EXPECT_NE(line.at("message").as_string(), "");
}

TEST_F(LogsTest, LinesHaveTheDocumentedFieldsAndNoOthers) {
  const std::map<std::string, std::string> documented =
      DocumentedLogFields(LOGS_MD);
  StartInJson();
  PostWebhooks();
  MakeCalls();
  ChangeFiles();
  ASSERT_TRUE(relay_->Terminate().ok());

  std::set<std::string> missing;
  for (const auto& [name, type] : documented) missing.insert(name);
  std::vector<std::string> names;
  for (const boost::json::object& line : ReadLines()) {
    SCOPED_TRACE(line);
    ExpectTimeLevelAndMessage(line);
    for (const auto& [key, value] : line) {
      const auto found = documented.find(std::string(key));
      ASSERT_NE(found, documented.end()) << key;
      EXPECT_EQ(TypeOf(value), found->second) << key;
      missing.erase(found->first);
    }
    if (line.contains("name")) names.emplace_back(line.at("name").as_string());
  }
  EXPECT_THAT(names, UnorderedElementsAre(R"({} %v %n \" \\ = \x07 \xc3\xbc)",
                                          R"(data.\n)"));
  // A bug is not at hand.
  EXPECT_THAT(missing, ::testing::ElementsAre("request_id"));
}

TEST_F(LogsTest, AWebhookThatIsStoredMakesNoLineUnlessAskedFor) {
  Start({"--log-format=json"});
  Post({.count = 3});
  ASSERT_TRUE(relay_->Terminate().ok());
  std::vector<std::string> messages;
  for (const boost::json::object& line : ReadLines()) {
    messages.emplace_back(line.at("message").as_string());
  }
  // They have a field that no documented webhook has: "padding".
  EXPECT_THAT(messages,
              ::testing::ElementsAre("starting", "ready",
                                     "first webhook with an unknown name",
                                     "draining", "drained"));
}

TEST_F(LogsTest, TheLastLineIsAnObjectToo) {
  Start({"--log-format=json", "--drain-timeout=60s"});
  auto connection = RawConnection::Connect(relay_->ingress_port());
  ASSERT_TRUE(connection.ok());
  // Of a webhook whose rest does not come.
  ASSERT_TRUE(connection
                  ->Send("POST /webhooks/signplus HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
                  .ok());
  ASSERT_TRUE(Eventually([&] { return connection->HasNews(); }));
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(relay_->WaitForLog("draining").ok());
  relay_->Signal(SIGTERM);
  ASSERT_TRUE(relay_->WaitForExit(absl::Seconds(10)).ok());
  const std::vector<boost::json::object> lines = ReadLines();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(
      lines.back(),
      (boost::json::object{{"level", "error"},
                           {"message", "stopped at once by a second signal"}}));
}

TEST_F(LogsTest, AFileThatIsWrongAtTheStartIsToldInObjects) {
  const std::string path = files_.File("tokens");
  WriteFileAtOnce(path, "\"=\\\n");
  const FinishedCommand relay =
      RunRelay({"--log-format=json", "--data-dir=" + files_.File("data"),
                "--ingress-token-file=" + path,
                "--ingress-signing-secret-file=" + files_.File("none")});
  EXPECT_EQ(relay.status.code, 2);
  const std::vector<std::string> lines = Lines(relay.errors);
  EXPECT_GE(lines.size(), 3U) << relay.errors;
  size_t told = 0;
  for (const std::string& line : lines) {
    const boost::json::object object = boost::json::parse(line).as_object();
    ExpectTimeLevelAndMessage(object);
    if (object.at("level") == "error") ++told;
  }
  EXPECT_EQ(told, 2U) << relay.errors;
}

}  // namespace
}  // namespace enveloperelay::testing
