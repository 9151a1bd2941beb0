// Tokens and signing secrets that change while the relay runs.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/ingress/relay_test.h"
#include "tests/support/eventually.h"
#include "tests/support/files.h"
#include "tests/support/raw_http.h"
#include "tests/support/relay_process.h"

namespace enveloperelay::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNewToken[] = "new-token_0123456789~";

class RotationTest : public RelayTest {
 protected:
  static std::string InPath(const std::string& token,
                            const std::string& envelope_id) {
    return RawRequest("POST", std::string(kPath) + "/" + token,
                      Body(envelope_id));
  }
  int StatusWith(const std::string& token) {
    return Ask(InPath(token, "envelope-" + std::to_string(++envelopes_)))
        .status;
  }
  std::string Metrics() const {
    const auto metrics =
        Fetch(relay_->admin_port(), RawRequest("GET", "/metrics"));
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    return metrics.ok() ? metrics->body : "";
  }
  // The value of a metric, as it stands in the text; "" if it is not there.
  std::string Metric(const std::string& name_and_labels) const {
    const std::string metrics = "\n" + Metrics();
    const size_t at = metrics.find("\n" + name_and_labels + " ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name_and_labels.size() + 2;
    return metrics.substr(begin, metrics.find('\n', begin) - begin);
  }
  // Writes the token file in one step.
  void ReplaceTokens(const std::string& tokens) const {
    const std::string next = directory_.File("next");
    std::ofstream(next) << tokens;
    std::filesystem::rename(next, directory_.File("tokens"));
  }

  // Posts with the token that `token` holds, one request after the other, until
  // it is told to stop; counts those that are not stored.
  struct Poster {
    std::atomic<bool> stop = false;
    std::atomic<int> posted = 0;
    std::atomic<int> refused = 0;
    std::atomic<const char*> token = kToken;
  };
  void Post(Poster& poster, const std::string& name) const {
    RawConnection connection = Connect();
    while (!poster.stop) {
      const std::string envelope_id =
          name + "-" + std::to_string(poster.posted.load());
      const RawResponse response =
          Ask(connection, InPath(poster.token.load(), envelope_id));
      if (response.status != 200) {
        ++poster.refused;
        connection = Connect();
      }
      ++poster.posted;
    }
  }

 private:
  int envelopes_ = 0;
};

TEST_F(RotationTest, RefusesNoRequestAndThenTheOldToken) {
  StartWithTokens("old " + std::string(kToken) + "\n");
  Poster poster;
  std::thread thread([this, &poster] { Post(poster, "e"); });

  ReplaceTokens("old " + std::string(kToken) + "\nnew " + kNewToken + "\n");
  EXPECT_TRUE(Eventually([this] { return StatusWith(kNewToken) == 200; }));
  poster.token = kNewToken;
  const int switched_at = poster.posted;
  EXPECT_TRUE(Eventually(
      [&poster, switched_at] { return poster.posted > switched_at + 1; }));
  ReplaceTokens("new " + std::string(kNewToken) + "\n");
  EXPECT_TRUE(Eventually([this] { return StatusWith(kToken) == 401; }));

  poster.stop = true;
  thread.join();
  EXPECT_GT(poster.posted, 0);
  EXPECT_EQ(poster.refused, 0);
  EXPECT_EQ(StatusWith(kNewToken), 200);
  EXPECT_EQ(StatusWith(kToken), 401);
}

TEST_F(RotationTest, FollowsALinkThatIsSwapped) {
  // As Kubernetes lays out the files of a Secret.
  const std::filesystem::path root = directory_.File("secret");
  const auto write = [&root](const std::string& version,
                             const std::string& tokens) {
    std::filesystem::create_directories(root / version);
    std::ofstream(root / version / "tokens") << tokens;
    std::filesystem::create_symlink(version, root / "..data_tmp");
    std::filesystem::rename(root / "..data_tmp", root / "..data");
  };
  write("..2026_01", kToken);
  std::filesystem::create_symlink("..data/tokens", root / "tokens");
  Start({"--ingress-token-file=" + (root / "tokens").string()});
  EXPECT_EQ(StatusWith(kToken), 200);
  EXPECT_EQ(StatusWith(kNewToken), 401);

  write("..2026_02", kNewToken);
  std::filesystem::remove_all(root / "..2026_01");

  EXPECT_TRUE(Eventually([this] { return StatusWith(kNewToken) == 200; }));
  EXPECT_EQ(StatusWith(kToken), 401);
}

TEST_F(RotationTest, KeepsTheOldTokensWhenTheFileIsBroken) {
  StartWithTokens(kToken);
  ReplaceTokens("SECRET/not-a-token-0123456789\n");
  ASSERT_TRUE(relay_->WaitForLog("what was read before stays in force").ok());
  EXPECT_EQ(StatusWith(kToken), 200);
  EXPECT_THAT(relay_->Log(),
              AllOf(HasSubstr("token file " + directory_.File("tokens") +
                              ", line 1: a token is made of"),
                    Not(HasSubstr("SECRET"))));
  ReplaceTokens(kNewToken);
  EXPECT_TRUE(Eventually([this] { return StatusWith(kNewToken) == 200; }));
  EXPECT_EQ(StatusWith(kToken), 401);
}

TEST_F(RotationTest, SaysByNameWhichTokenIsInUse) {
  const std::string requests = "envelope_relay_ingress_token_requests_total";
  const std::string last_used =
      "envelope_relay_ingress_token_last_used_timestamp_seconds";
  StartWithTokens("old " + std::string(kToken) + "\nnew " + kNewToken + "\n");
  EXPECT_EQ(Metric(last_used + R"({token="new"})"), "0");

  const absl::Time before = absl::Now();
  EXPECT_EQ(StatusWith(kNewToken), 200);
  EXPECT_EQ(StatusWith(kNewToken), 200);

  EXPECT_EQ(Metric(requests + R"({token="new"})"), "2");
  EXPECT_EQ(Metric(requests + R"({token="old"})"), "0");
  EXPECT_EQ(Metric(last_used + R"({token="old"})"), "0");
  EXPECT_GE(std::stod(Metric(last_used + R"({token="new"})")),
            static_cast<double>(absl::ToUnixSeconds(before)));
  EXPECT_THAT(relay_->Log(),
              AllOf(HasSubstr("tokens in force token=\"old, new\""),
                    HasSubstr("token in use token=new "),
                    Not(HasSubstr("token in use token=old "))));

  ReplaceTokens("new " + std::string(kNewToken) + "\n");
  EXPECT_TRUE(Eventually([this, &requests] {
    return Metric(requests + R"({token="old"})").empty();
  }));
  EXPECT_EQ(Metric(requests + R"({token="new"})"), "2");
  EXPECT_THAT(Metrics() + relay_->Log(),
              AllOf(Not(HasSubstr(kToken)), Not(HasSubstr(kNewToken))));
}

TEST_F(RotationTest, BlanksATokenThatWasRemovedWhileItsBodyWasOnTheWay) {
  StartWithTokens("old " + std::string(kToken) + "\nnew " + kNewToken + "\n");
  const std::string body =
      R"({"hook":{"event":"envelope_voided","target":"https://a/)" +
      std::string(kToken) + "?" + kNewToken +
      R"("},"data":{"envelope_id":"late"}})";
  const std::string request =
      RawRequest("POST", std::string(kPath) + "/" + kToken, body);
  RawConnection connection = Connect();
  // "Expect" would do, too: the answer to it says that the token was taken.
  const size_t head = request.find("\r\n\r\n") + 4;
  ASSERT_TRUE(
      connection
          .Send(request.substr(0, head - 2) + "Expect: 100-continue\r\n\r\n")
          .ok());
  ASSERT_EQ(connection.Read()->status, 100);
  ReplaceTokens("new " + std::string(kNewToken) + "\n");
  EXPECT_TRUE(Eventually([this] { return StatusWith(kToken) == 401; }));

  EXPECT_EQ(Ask(connection, request.substr(head)).status, 200);

  ASSERT_TRUE(relay_->Terminate().ok());
  std::string stored;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(relay_->data_dir())) {
    if (!entry.is_regular_file()) continue;
    stored += ContentOf(entry.path());
  }
  EXPECT_THAT(stored, HasSubstr("https://a/*"));
  EXPECT_THAT(stored, AllOf(Not(HasSubstr(kToken)), Not(HasSubstr(kNewToken))));
}

}  // namespace
}  // namespace enveloperelay::testing
